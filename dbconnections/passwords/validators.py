"""The rules of this package for ``AUTH_PASSWORD_VALIDATORS``, alone or beside the app's own use."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.views.decorators.debug import sensitive_variables

from dbconnections.passwords.dictionary import SIZES
from dbconnections.passwords.policy import LEVELS, from_options
from dbconnections.passwords.refusal import PasswordRefused
from dbconnections.secret import Secret

__all__ = ["HistoryValidator", "PolicyValidator"]


class PolicyValidator:
    """A level of strength, a dictionary, and personal data.

    ``level`` is one of ``none``, ``low``, ``fair``, ``good`` and ``excellent``, ``complexity``
    Auth0's ``password_options.complexity`` in its place; ``dictionary`` is 0, 10000 or 100000.
    Raises ``ValidationError`` for a password that does not meet them.
    """

    def __init__(
        self,
        level: str = "good",
        *,
        complexity: Mapping[str, Any] | None = None,
        min_length: int | None = None,
        dictionary: int = 0,
        words: Iterable[str] = (),
        personal_data: bool = False,
    ) -> None:
        if level not in LEVELS or dictionary not in (0, *SIZES):
            sizes = ", ".join(map(str, SIZES))
            raise ImproperlyConfigured(
                f"PolicyValidator: level is one of {', '.join(LEVELS)}, dictionary 0, {sizes}."
            )
        policy = LEVELS[level] if complexity is None else from_options(complexity)
        self.policy = replace(
            policy,
            min_length=min_length or policy.min_length,
            common=dictionary,
            words=frozenset(word.casefold() for word in words),
            refuses_personal_data=personal_data,
        )

    @sensitive_variables()
    def validate(self, password: str, user: Any = None) -> None:
        failures = self.policy.failures(password, known_of(user))
        if any(failures):
            raise ValidationError([*chain(*failures)], code="password_policy")

    def get_help_text(self) -> str:
        said = [rule.sentence() for rule in self.policy.rules()] + self.policy.notes()
        return " ".join(said)


class HistoryValidator:
    """Keeps the history of each connection that has one, whoever changes a password.

    Without it only changes through a mailed link are remembered. Raises ``ValidationError`` for
    a password that is among an account's last.
    """

    @sensitive_variables()
    def validate(self, password: str, user: Any = None) -> None:
        from dbconnections.passwords.history import check_history

        for connection, account in connections_of(user):
            try:
                check_history(connection, account.id, Secret(password), "")
            except PasswordRefused as refused:
                raise ValidationError(refused.sentences, code="password_history") from None

    @sensitive_variables()
    def password_changed(self, password: str, user: Any = None) -> None:
        from dbconnections.passwords.history import remember

        for connection, account in connections_of(user):
            remember(connection, account.id, user.password)

    def get_help_text(self) -> str:
        return ""


def known_of(user: Any) -> list[str]:
    """Return what is known of a user, by the default store of the app."""
    from dbconnections.accounts import ModelUserStore, get_store

    store = get_store("default")
    if not isinstance(store, ModelUserStore) or not isinstance(user, store.model):
        return []
    return store.personal_data(store.account_of(user))


def connections_of(user: Any) -> Iterator[tuple[Any, Any]]:
    """Return the connections that remember passwords and hold a user, with its account."""
    if not isinstance(user, get_user_model()) or user.pk is None:
        return
    for connection, store in _remembering():
        if account := store.get(str(user.pk)):
            yield connection, account


def forget_user(instance: Any, **kwargs: object) -> None:
    """Delete the history of a user who was deleted."""
    from dbconnections.passwords.history import forget

    if connections := [connection for connection, _store in _remembering()]:
        forget(str(instance.pk), connections)


def _remembering() -> Iterator[tuple[Any, Any]]:
    """Return the connections that remember passwords of the site's users, and their stores."""
    from dbconnections.accounts import ModelUserStore, get_store
    from dbconnections.models import Connection

    for connection in Connection.objects.filter(password_history_size__gt=0):
        try:
            store = get_store(connection.user_store)
        except ImproperlyConfigured:
            # A system check tells of it; the site's own changes of users must not fail for it.
            continue
        # The key of a user means something only to a store of users.
        if isinstance(store, ModelUserStore):
            yield connection, store
