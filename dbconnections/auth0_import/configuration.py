"""Maps what Auth0 knows of applications and connections to what this app has for it.

Everything here is a function of the export: nothing reads the database or writes to it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dbconnections.auth0_import.fields import Fields, name_of
from dbconnections.models import (
    DATABASE_STRATEGY,
    MAX_TICKET_LIFETIME,
    PasswordDictionary,
    PasswordPolicy,
)
from dbconnections.passwords.policy import (
    MAX_HISTORY,
    MAX_MIN_LENGTH,
    validate_options,
    validate_words,
)
from dbconnections.validators import (
    is_origin,
    validate_connection_name,
    validate_identifier,
    validate_logo,
    validate_result_url,
)

# Auth0's own defaults of what an export may leave out.
DEFAULT_HISTORY = 5
DEFAULT_DICTIONARY = "en_10k"

# What Auth0's Management API documents of `password_options.complexity`.
COMPLEXITY = {
    "min_length",
    "character_types",
    "character_type_rule",
    "identical_characters",
    "sequential_characters",
    "max_length_exceeded",
}

MIN_TICKET_LIFETIME = timedelta(minutes=5)

# Applications of machines: no person, no password, no page.
MACHINE_TYPES = {"non_interactive", "resource_server"}

# Sections that this app has nothing to do with and whose loss needs no word.
_SILENT_SECTIONS = {"_comment", "triggers"}


@dataclass
class PlannedClient:
    """A client as the export has it; ``values`` are fields of the model."""

    client_id: str
    values: dict[str, Any]
    origins: list[str] = field(default_factory=list)


@dataclass
class PlannedConnection:
    """A connection as the export has it, with the ids of its clients."""

    name: str
    values: dict[str, Any]
    client_ids: list[str] = field(default_factory=list)


@dataclass
class Plan:
    """What is to be there after the import, and what is not carried over."""

    clients: list[PlannedClient] = field(default_factory=list)
    connections: list[PlannedConnection] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """A sentence for each thing that is not carried over, with its path and the reason."""

    problems: list[str] = field(default_factory=list)
    """A sentence for each thing that should not be in an export; any of them forbids the import."""

    def note(self, where: Fields, what: str) -> None:
        self.notes.append(f"{where.path}: {what}")


def plan_of(data: Mapping[str, Any]) -> Plan:
    """Return what an export asks for."""
    export = Fields(data, "")
    plan = Plan(problems=export.problems)
    tenant = export.table("tenant")
    takes_password = tenant.table("flags").flag("change_pwd_flow_v1")
    by_name: dict[str, list[str]] = {}
    for client in export.tables("clients"):
        _plan_client(plan, client, by_name, takes_password)
    shared = _branding(plan, tenant) | _lifetime(plan, export)
    for database in export.tables("databases"):
        _plan_connection(plan, database, by_name, shared)
    for connection in export.tables("connections"):
        if connection.text("strategy") == DATABASE_STRATEGY:
            _plan_connection(plan, connection, by_name, shared)
        else:
            _skip_connection(plan, connection)
    _refuse_twins(plan)
    if takes_password:
        plan.note(
            tenant,
            _(
                "flags.change_pwd_flow_v1 is on, so each client accepts a password. Switch that "
                "off in the admin for each that is not Lock 8 or older."
            ),
        )
    for name in export.unread(_SILENT_SECTIONS):
        # Not data[name]: names are texts here, and YAML's keys need not be.
        plan.note(Fields({}, name), _not_here(data.get(name)))
    plan.notes += [
        _("%(path)s: a placeholder of the Deploy CLI, left out; export again or fill it in.")
        % {"path": path}
        for path in export.placeholders
    ]
    return plan


def _plan_client(
    plan: Plan, client: Fields, by_name: dict[str, list[str]], takes_password: bool
) -> None:
    name, client_id = client.text("name"), client.text("client_id")
    if client.flag("global") or name == "All Applications":
        return  # Auth0's own, which no caller names
    label = Fields({}, f"{client.path} {name}".rstrip(), client)
    enabled = by_name.setdefault(name, [])
    if _is_machine(client):
        plan.note(label, _("for machines, which never ask for a reset; left out."))
        return
    if flaw := _flaw_of_client(client_id, name):
        plan.note(label, flaw)
        plan = _without(plan)
    else:
        enabled.append(client_id)
    values: dict[str, Any] = {"name": name}
    if takes_password:
        values["accepts_password"] = True
    _keep(plan, label, values, "logo", client.text("logo_uri"), validate_logo, "logo_uri")
    _keep(
        plan,
        label,
        values,
        "result_url",
        client.text("initiate_login_uri"),
        validate_result_url,
        "initiate_login_uri",
    )
    origins = list(_origins(plan, label, client))
    if "result_url" not in values:
        _propose_way_back(plan, label, client.texts("callbacks"))
    plan.clients.append(PlannedClient(client_id, values, origins))
    _name_unread(plan, label, client, _SILENT_CLIENT)


def _flaw_of_client(client_id: str, name: str) -> str:
    """Return why a client is left out, or an empty text."""
    if not client_id:
        return _(
            "has no client_id, which its callers send; left out. Export again with "
            "AUTH0_EXPORT_IDENTIFIERS=true, or write it into the file."
        )
    has_name = 0 < len(name) <= 100 and name.isprintable()
    if not has_name or not _passes(validate_identifier, client_id):
        return _("has a client_id or a name that cannot be kept; left out.")
    return ""


def _without(plan: Plan) -> Plan:
    """Return a plan for what is left out: read on all the same, for its problems."""
    return Plan(problems=plan.problems)


def _is_machine(client: Fields) -> bool:
    kind, grants = client.text("app_type"), client.texts("grant_types")
    return kind in MACHINE_TYPES or (bool(grants) and set(grants) <= {"client_credentials"})


def _origins(plan: Plan, label: Fields, client: Fields) -> Iterator[str]:
    """Yield each origin that the client's pages may have, once."""
    seen: set[str] = set()
    for name in ("allowed_origins", "web_origins", "callbacks"):
        for address in client.texts(name):
            # An application of a phone calls without an origin.
            if name == "callbacks" and _scheme_of(address) not in {"http", "https"}:
                continue
            origin = origin_of(address)
            if not is_origin(origin) or len(origin) > 255:
                plan.note(
                    label,
                    _("%(name)s: %(address)r is no single origin; left out. Add each by name.")
                    % {"name": name, "address": _scheme_and_host(address)},
                )
            elif origin not in seen:
                seen.add(origin)
                yield origin


def _scheme_of(address: str) -> str | None:
    """Return the scheme of an address, or None if it cannot be read."""
    try:
        return urlsplit(address).scheme
    except ValueError:
        return None


def _scheme_and_host(address: str) -> str:
    """Return of any text what may be said of an address; the rest of it may be a secret."""
    return re.sub(rf"(?is)({_SCHEME})?(?:{_USER})*({_SHOWN_HOST}).*", r"\1\2", address, count=1)


_SCHEME, _USER = r"[a-z][a-z0-9+.-]*://", r"[^/?#\\@]*@"
# What follows a colon is a port, or was a password.
_SHOWN_HOST = r"(?:\[[0-9a-f:.]*\]|[^/?#\\@:]*)(?::(?:[0-9]{1,5}|\*)(?![^/?#]))?"


def origin_of(address: str) -> str:
    """Return the origin of an address as a browser sends it; empty if it has none."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not host or "@" in parts.netloc or "\\" in address:
        return ""
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != usual else "")


def _propose_way_back(plan: Plan, label: Fields, callbacks: list[str]) -> None:
    # Only proposed: a callback is for a browser that comes from a log-in, and its origin may
    # show anything.
    for callback in callbacks:
        proposal = f"{origin_of(callback)}/"
        if _passes(validate_result_url, proposal):
            plan.note(
                label,
                _("has no initiate_login_uri, so no way back; %(url)s may be one.")
                % {"url": proposal},
            )
            return


def _plan_connection(
    plan: Plan, connection: Fields, by_name: Mapping[str, list[str]], shared: Mapping[str, Any]
) -> None:
    name = connection.text("name")
    label = Fields({}, f"{connection.path} {name}".rstrip(), connection)
    if not _passes(validate_connection_name, name):
        plan.note(label, _("has no name that can be kept; left out."))
        plan = _without(plan)
    values = dict(shared)
    _keep(plan, label, values, "connection_id", connection.text("id"), validate_identifier, "id")
    options = connection.table("options")
    values |= _password_values(plan, options)
    if options.flag("disable_self_service_change_password"):
        values["disable_self_service_change_password"] = True
    if options.flag("requires_username"):
        plan.note(options, _("requires_username: requests may name the username as it is."))
    if options.flag("enabledDatabaseCustomization") or "customScripts" in options:
        options.raw("customScripts")
        plan.note(
            options,
            _(
                "customScripts: a database of your own. Scripts are not carried over; write a "
                "user store for it."
            ),
        )
    if options.flag("import_mode"):
        plan.note(
            options,
            _("import_mode: accounts that have not moved to Auth0 yet are not in its export."),
        )
    connection.raw("strategy")
    plan.connections.append(
        PlannedConnection(name, values, _enabled(plan, label, connection, by_name))
    )
    _name_unread(plan, label, connection, _SILENT_CONNECTION)
    _name_unread(plan, options, options, ())


def _enabled(
    plan: Plan, label: Fields, connection: Fields, by_name: Mapping[str, list[str]]
) -> list[str]:
    """Return the ids of the enabled clients, which the Deploy CLI names by name where it can."""
    known = {client.client_id for client in plan.clients}
    ids: dict[str, None] = {}
    for one in connection.texts("enabled_clients"):
        found = [one] if one in known else by_name.get(one)
        if found is None:
            plan.note(
                label,
                _("enabled_clients: %(client)r is not in the export; left out.") % {"client": one},
            )
        elif len(found) > 1:
            plan.note(
                label,
                _("enabled_clients: several clients are called %(client)r; enable them by hand.")
                % {"client": one},
            )
        else:
            ids |= dict.fromkeys(found)
    return list(ids)


def _password_values(plan: Plan, options: Fields) -> dict[str, Any]:
    legacy = _legacy_values(plan, options)
    flexible = options.table("password_options")
    return _flexible_values(plan, flexible) if flexible else legacy


def _legacy_values(plan: Plan, options: Fields) -> dict[str, Any]:
    level = options.text("passwordPolicy")
    if level not in {*PasswordPolicy.values, ""} or level == PasswordPolicy.CUSTOM:
        options.problems.append(
            _("%(path)s.passwordPolicy: %(level)r is no level of Auth0's.")
            % {"path": options.path, "level": "…"}
        )
        level = ""
    # Auth0's Management API: a connection without one has `none`.
    values: dict[str, Any] = {"password_policy": level or PasswordPolicy.NONE.value}
    least = options.table("password_complexity_options").number("min_length")
    if least is not None and not 1 <= least <= MAX_MIN_LENGTH:
        options.problems.append(
            _("%(path)s.password_complexity_options.min_length: must be from 1 to %(most)d.")
            % {"path": options.path, "most": MAX_MIN_LENGTH}
        )
    values["password_min_length"] = least
    history = options.table("password_history")
    values["password_history_size"] = _history(history, "enable")
    dictionary = options.table("password_dictionary")
    values |= _dictionary(plan, dictionary, "enable", "dictionary", DEFAULT_DICTIONARY)
    personal = options.table("password_no_personal_info")
    values["password_no_personal_info"] = personal.flag("enable")
    return values


def _flexible_values(plan: Plan, options: Fields) -> dict[str, Any]:
    complexity = options.raw("complexity") or {}
    if isinstance(complexity, dict):
        if unknown := sorted(map(name_of, complexity.keys() - COMPLEXITY)):
            plan.note(
                options,
                _("complexity: nothing here for: %(names)s.") % {"names": ", ".join(unknown)},
            )
        complexity = {name: complexity[name] for name in complexity if name in COMPLEXITY}
    try:
        validate_options(complexity)
    except ValidationError as error:
        # Without the value, which may be anything, also a number that Python does not write.
        told = ValidationError(error.message, params={**(error.params or {}), "value": "…"})
        options.problems.append(f"{options.path}.complexity: {told.messages[0]}")
        complexity = {}
    dictionary = options.table("dictionary")
    size = dictionary.text("default") or DEFAULT_DICTIONARY
    profile = options.table("profile_data")
    if profile.texts("blocked_fields"):
        plan.note(
            profile,
            _("blocked_fields: the user store says which; see its option personal_fields."),
        )
    return {
        "password_policy": PasswordPolicy.CUSTOM.value,
        "password_complexity": complexity,
        "password_min_length": None,
        "password_history_size": _history(options.table("history"), "active"),
        **_dictionary(plan, dictionary, "active", "custom", size),
        "password_no_personal_info": profile.flag("active"),
    }


def _history(history: Fields, switch: str) -> int:
    size = history.number("size")
    if size is not None and not 0 <= size <= MAX_HISTORY:
        history.problems.append(
            _("%(path)s.size: must be from 0 to %(most)d.")
            % {"path": history.path, "most": MAX_HISTORY}
        )
    if not history.flag(switch):
        return 0
    return DEFAULT_HISTORY if size is None else size


def _dictionary(
    plan: Plan, dictionary: Fields, switch: str, own: str, default: str
) -> dict[str, Any]:
    words, is_on = dictionary.texts(own), dictionary.flag(switch)
    sizes = {"en_10k": PasswordDictionary.SMALL, "en_100k": PasswordDictionary.LARGE}
    if default not in sizes:
        dictionary.problems.append(
            _("%(path)s.default: must be en_10k or en_100k.") % {"path": dictionary.path}
        )
    kept = [word for word in words if _passes(validate_words, [word])]
    kept = kept if _passes(validate_words, kept) else []
    if len(kept) < len(words):
        lost = len(words) - len(kept)
        plan.note(
            dictionary,
            ngettext(
                "%(number)d word cannot be kept; left out.",
                "%(number)d words cannot be kept; left out.",
                lost,
            )
            % {"number": lost},
        )
    return {
        "password_dictionary": int(sizes.get(default, PasswordDictionary.SMALL)) if is_on else 0,
        "password_dictionary_words": kept if is_on else [],
    }


def _skip_connection(plan: Plan, connection: Fields) -> None:
    name, strategy = connection.text("name"), connection.text("strategy")
    plan.note(
        Fields({}, f"{connection.path} {name}".rstrip()),
        _("%(strategy)s has no passwords here; left out.") % {"strategy": strategy or "?"},
    )


def _branding(plan: Plan, tenant: Fields) -> dict[str, Any]:
    """Return what a connection shows where its clients show nothing of their own."""
    values: dict[str, Any] = {}
    for name, judge in (("support_email", validate_email), ("support_url", validate_result_url)):
        _keep(plan, tenant, values, name, tenant.text(name), judge, name)
    _keep(plan, tenant, values, "logo", tenant.text("picture_url"), validate_logo, "picture_url")
    if tenant.text("friendly_name"):
        plan.note(
            tenant,
            _(
                "friendly_name: pages and mails name the client; for the rest write it into "
                'DBCONNECTIONS["BRANDING"]["name"].'
            ),
        )
    return values


def _lifetime(plan: Plan, export: Fields) -> dict[str, Any]:
    """Return how long the link of the mail template lasts, and note what a template has else."""
    values: dict[str, Any] = {}
    for template in export.tables("emailTemplates"):
        name = template.text("template") or template.text("name")
        seconds = template.number("urlLifetimeInSeconds")
        label = Fields({}, f"{template.path} {name}".rstrip())
        plan.note(
            label,
            _("a mail's text is not carried over; override the app's templates."),
        )
        if name != "reset_email" or seconds is None:
            continue
        if MIN_TICKET_LIFETIME.total_seconds() <= seconds <= MAX_TICKET_LIFETIME.total_seconds():
            values["ticket_lifetime"] = timedelta(seconds=seconds)
        else:
            plan.note(label, _("urlLifetimeInSeconds is not from 5 minutes to 5 days; left out."))
    return values


def _refuse_twins(plan: Plan) -> None:
    for what, names in (
        ("client_id", [client.client_id for client in plan.clients]),
        ("name", [connection.name for connection in plan.connections]),
    ):
        plan.problems += [
            _("%(what)s %(name)s: twice in the export.") % {"what": what, "name": name}
            for name in sorted(name for name, times in Counter(names).items() if times > 1)
        ]


def _keep(
    plan: Plan,
    label: Fields,
    values: dict[str, Any],
    name: str,
    value: str,
    judge: Callable[[Any], Any],
    theirs: str,
) -> None:
    """Take a value over if the field would; otherwise say why not."""
    if not value:
        return
    try:
        judge(value)
    except ValidationError as error:
        plan.note(
            label,
            _("%(name)s is left out: %(reason)s") % {"name": theirs, "reason": error.messages[0]},
        )
    else:
        values[name] = value


def _passes(judge: Callable[[Any], Any], value: Any) -> bool:
    try:
        judge(value)
    except ValidationError:
        return False
    return True


# What every export has, and what is about logging in.
_SILENT_CLIENT = {
    "_comment", "app_type", "client_secret", "cross_origin_auth", "cross_origin_authentication",
    "custom_login_page_on", "grant_types", "is_first_party", "is_token_endpoint_ip_header_trusted",
    "jwt_configuration", "native_social_login", "oidc_conformant", "refresh_token",
    "sso", "sso_disabled", "tenant", "token_endpoint_auth_method",
}  # fmt: skip
_SILENT_CONNECTION = {"is_domain_connection", "realms"}


def _name_unread(plan: Plan, label: Fields, fields: Fields, silent: Iterable[str]) -> None:
    if names := fields.unread(silent):
        plan.note(label, _("nothing here for: %(names)s.") % {"names": ", ".join(names)})


def _not_here(section: Any) -> str:
    if isinstance(section, list | dict):
        number = len(section)
        return ngettext(
            "%(number)d entry is not carried over: this app has nothing like it.",
            "%(number)d entries are not carried over: this app has nothing like them.",
            number,
        ) % {"number": number}
    return _("not carried over.")
