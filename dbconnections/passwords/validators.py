"""The rules of this package for ``AUTH_PASSWORD_VALIDATORS``, alone or beside the app's own use."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.views.decorators.debug import sensitive_variables

from dbconnections.passwords.dictionary import SIZES
from dbconnections.passwords.policy import LEVELS, from_options, validate_words
from dbconnections.passwords.refusal import PasswordRefused
from dbconnections.secret import Secret

__all__ = ["HistoryValidator", "PolicyValidator"]


class PolicyValidator:
    """A level of strength, a dictionary, and personal data.

    ``level`` is one of ``none``, ``low``, ``fair``, ``good`` and ``excellent``, ``complexity``
    Auth0's ``password_options.complexity`` in its place; ``dictionary`` is 0, 10000 or 100000.
    ``min_length`` and ``words`` are as a connection has them. Raises ``ValidationError`` for a
    password that does not meet them, ``ImproperlyConfigured`` for an option that cannot be used.
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
        policy = LEVELS[level]
        if complexity is not None:
            policy = _usable("complexity", complexity, from_options)
        if min_length is not None:
            min_length = _usable("min_length", min_length, _min_length)
        self.policy = replace(
            policy,
            min_length=min_length or policy.min_length,
            common=dictionary,
            words=frozenset(word.casefold() for word in _usable("words", words, _words)),
            refuses_personal_data=personal_data,
        )

    @sensitive_variables()
    def validate(self, password: str, user: Any = None) -> None:
        personal = known_of(user) if self.policy.refuses_personal_data else ()
        failures = self.policy.failures(password, personal)
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


def _usable(option: str, value: Any, read: Callable[[Any], Any]) -> Any:
    """Return an option as it is read; what cannot be is told to the site, not to the person."""
    try:
        return read(value)
    except ValidationError as error:
        reasons = " ".join(error.messages)
        raise ImproperlyConfigured(f"PolicyValidator: {option} is {value!r}: {reasons}") from None


def _min_length(value: Any) -> Any:
    from dbconnections.models import Connection

    return Connection._meta.get_field("password_min_length").clean(value, None)


def _words(words: Any) -> list[str]:
    # The letters of a text would each be a word.
    is_many = isinstance(words, Iterable) and not isinstance(words, str)
    found = list(words) if is_many else words
    validate_words(found)
    return found


def known_of(user: Any) -> list[str]:
    """Return what is known of a user: by the default store, or by the user model alone."""
    from dbconnections.accounts import ModelUserStore, get_store

    store: Any
    try:
        store = get_store("default")
    except ImproperlyConfigured:
        # The site's own changes of users must not fail for it, nor go unjudged.
        store = ModelUserStore()
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
