"""Writes a plan into the database, all of it or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, router, transaction
from django.utils.translation import gettext as _

from dbconnections.auth0_import.configuration import Plan
from dbconnections.auth0_import.exports import ExportError
from dbconnections.models import AllowedOrigin, Client, Connection


@dataclass
class Changes:
    """What differs from before: a line for each client and connection."""

    lines: list[str] = field(default_factory=list)
    unchanged: int = 0
    stores: dict[str, str] = field(default_factory=dict)
    """The user store of each connection of the plan."""


def apply(plan: Plan, *, write: bool) -> Changes:
    """Bring clients and connections to what the plan says, and return what has changed.

    What the plan does not speak of stays: other clients, further origins, whether they are
    active. With ``write`` off it is done as well, and then undone, so that what a dry run says is
    what happens. Raises ``ExportError`` if a value does not fit, with nothing written.
    """
    changes = Changes()
    problems: list[str] = []
    # One transaction: nobody sees half an import.
    with transaction.atomic(router.db_for_write(Client)):
        clients: dict[str, Client] = {}
        for planned in plan.clients:
            client, said = _bring(Client, {"client_id": planned.client_id}, planned.values)
            if not isinstance(client, Client):
                problems += said
                continue
            clients[planned.client_id] = client
            said += _add_origins(client, planned.origins)
            _tell(changes, _("client"), f"{client.name} ({client.client_id})", said)
        for wanted in plan.connections:
            connection, said = _bring(Connection, {"name": wanted.name}, wanted.values)
            if not isinstance(connection, Connection):
                problems += said
                continue
            changes.stores[connection.name] = connection.user_store
            there = set(connection.clients.values_list("client_id", flat=True))
            added = [one for one in wanted.client_ids if one in clients and one not in there]
            connection.clients.add(*(clients[one] for one in added))
            said += [f"clients + {clients[one].name}" for one in added]
            _tell(changes, _("connection"), connection.name, said)
        if problems or not write:
            transaction.set_rollback(True, using=router.db_for_write(Client))
    if problems:
        raise ExportError(*problems)
    return changes


def _bring(
    model: type[Any], key: Mapping[str, str], values: Mapping[str, Any]
) -> tuple[models.Model | None, list[str]]:
    """Return the object with these values and what had to be done; or None and the problems."""
    name = " ".join(key.values())
    found = model.objects.using(router.db_for_write(model)).filter(**key).first()
    is_new = found is None
    instance = model(**key) if is_new else found
    said = []
    for attribute, value in values.items():
        before = getattr(instance, attribute)
        if before != value:
            said.append(f"{attribute}: {value}" if is_new else f"{attribute}: {before} → {value}")
            setattr(instance, attribute, value)
    if not said and not is_new:
        return instance, []
    try:
        instance.full_clean()
    except ValidationError as error:
        return None, [
            f"{name}.{attribute}: {message}"
            for attribute, messages in error.message_dict.items()
            for message in messages
        ]
    instance.save()
    return instance, [_("new"), *said] if is_new else said


def _add_origins(client: Client, origins: list[str]) -> list[str]:
    there = set(client.allowed_origins.values_list("origin", flat=True))
    added = [origin for origin in origins if origin not in there]
    AllowedOrigin.objects.bulk_create(
        AllowedOrigin(client=client, origin=origin) for origin in added
    )
    return [f"origins + {origin}" for origin in added]


def _tell(changes: Changes, kind: str, name: str, said: list[str]) -> None:
    if said:
        changes.lines.append(f"{kind} {name}: {'; '.join(said)}")
    else:
        changes.unchanged += 1
