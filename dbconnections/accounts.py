"""The seam to the site's users: where accounts are found and their passwords set."""

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from enum import StrEnum
from functools import cache
from typing import Any, Protocol

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import IntegrityError, router, transaction
from django.db.models import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    Manager,
    Model,
    QuerySet,
    UUIDField,
)
from django.db.models.functions import Lower
from django.utils.module_loading import import_string

from dbconnections.conf import settings
from dbconnections.prepared import PreparedQuery

__all__ = [
    "Account",
    "AccountImporter",
    "Imported",
    "ModelUserStore",
    "Profile",
    "UserStore",
    "canonical",
]


@dataclass(frozen=True)
class Account:
    """One account of a store."""

    id: str
    """Key of the account within its store; never changes, at most 255 characters."""

    email: str
    """The address on record, the only one mails go to; empty when there is none."""

    login: str
    """What the person logs in with."""

    user: Any
    """The store's own object, handed to password validators and signal receivers."""


class UserStore(Protocol):
    """What the app needs to know of, and do to, the accounts of a connection.

    A store is made anew for each use, with the ``OPTIONS`` of its entry in ``USER_STORES``.
    """

    def find(self, *, email: str = "", username: str = "") -> list[Account]:
        """Return every account with this address, or with this username.

        The caller sends to ``Account.email``, so a store must return only accounts whose own
        address equals the submitted one, not ones a lax comparison took for equal.
        """

    def get(self, account_id: str, *, for_update: bool = False) -> Account | None:
        """Return an account by its key, or None; with ``for_update`` locked if possible.

        The lock, held until the transaction ends, keeps concurrent mails within their cap and
        concurrent password changes apart.
        """

    def is_resettable(self, account: Account) -> bool:
        """Say whether this account may have its password reset by mail."""

    def is_privileged(self, account: Account) -> bool:
        """Say whether this account has more than a customer's rights, such as staff."""

    def personal_data(self, account: Account) -> list[str]:
        """Return names, nicknames and addresses that a password may not contain."""

    def fingerprint(self, account: Account) -> str:
        """Return up to 64 characters that change when password or address changes."""

    def password_hash(self, account: Account) -> str:
        """Return the hash of the current password as Django writes it, or an empty text."""

    def set_password(self, account: Account, password: str) -> None:
        """Set and save a new password; runs inside the caller's transaction."""

    def end_sessions(self, account: Account) -> None:
        """End what an old password had opened: sessions, API tokens."""

    def records_verification(self) -> bool:
        """Say whether the store notes which addresses are known to be their owner's."""

    def mark_email_verified(self, account: Account) -> None:
        """Note that the address on record is the owner's; only called if it is noted at all."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Somebody's account elsewhere; texts are empty where nothing is known."""

    email: str = ""
    email_verified: bool = False
    username: str = ""
    given_name: str = ""
    family_name: str = ""
    name: str = ""
    nickname: str = ""
    is_blocked: bool = False
    password: str = dataclass_field(default="", repr=False)
    """The hash of the password as Django writes it."""


class Imported(StrEnum):
    """What became of a profile."""

    NEW = "new"
    PRESENT = "present"
    """There is such an account already; it was left as it is."""

    LOGIN_TAKEN = "login taken"
    """Somebody else logs in with this username."""

    INVALID = "invalid"
    """The store cannot hold such an account."""


class AccountImporter(Protocol):
    """What a store may also do: take over accounts, for ``manage.py import_auth0 --users``."""

    def import_accounts(self, profiles: Sequence[Profile], *, write: bool) -> list[Imported]:
        """Add an account for each profile that has none yet, and say what became of each.

        All of them are added or, if the process ends within it, none. An account that is there
        already is never changed. With ``write`` off, only say what would become of each. No two
        profiles have the same address, or the same username if they have no address.
        """


def get_store(name: str) -> UserStore:
    """Return the store of this name; raise ``ImproperlyConfigured`` if there is none."""
    entry = _entry_of(name)
    which = f'DBCONNECTIONS["USER_STORES"]: store {name!r}'
    if not isinstance(entry, Mapping) or not isinstance(entry.get("BACKEND"), str):
        raise ImproperlyConfigured(f"{which} has no BACKEND.")
    try:
        kind = import_string(entry["BACKEND"])
    except ImportError as error:
        raise ImproperlyConfigured(f"{which} cannot be imported: {error}.") from error
    try:
        store: UserStore = kind(**entry.get("OPTIONS", {}))
    except (ImportError, KeyError, TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"{which} cannot be made with its OPTIONS: {error}.") from error
    return store


def _entry_of(name: str) -> Any:
    # A setting may be anything: a page or a worker does not wait for the system check.
    stores: Any = settings.USER_STORES
    stores = stores if isinstance(stores, Mapping) else {}
    if name not in stores:
        known = ", ".join(map(str, stores)) or "none"
        raise ImproperlyConfigured(
            f'DBCONNECTIONS["USER_STORES"] has no store {name!r}. There are: {known}.'
        )
    return stores[name]


def canonical(text: str) -> str:
    """Fold what people take for the same text: NFKC, then case (CVE-2019-19844)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _is_plain(model: type[Model]) -> bool:
    """Say whether the model's manager and key are Django's own, so that neither adds to a query."""
    manager: Any = model._default_manager
    return (
        all(
            getattr(getattr(manager, name), "__func__", None) is getattr(Manager, name)
            for name in ("get_queryset", "all")
        )
        and manager._queryset_class is QuerySet
        and manager._db is None
        and not manager._hints
        and type(model._meta.pk) in (AutoField, BigAutoField, UUIDField)
    )


# The ORM asks for nothing where a column cannot hold a key. Compiled, the query would go to the
# database, and SQLite refuses more than 64 bits, Django a 0 on MySQL.
MAX_COMPILED_KEY = BigIntegerField.MAX_BIGINT


@cache
def _by_key(model: type[Model], *, for_update: bool) -> PreparedQuery[Any]:
    """Return the query for a user by key, compiled once; only for a model that `_is_plain`."""
    users = model._default_manager.all().order_by()
    route = router.db_for_read
    if for_update:
        users, route = users.select_for_update(), router.db_for_write
    return PreparedQuery(model, lambda pk: users.filter(pk=pk), route, pk=model._meta.pk)


# Those of Auth0's profile that a user model may have.
USUAL_NAMES = ("first_name", "last_name", "name", "nickname")


class ModelUserStore:
    """The users of ``AUTH_USER_MODEL``, all or those that match ``filter``.

    ``filter`` holds keyword arguments for ``QuerySet.filter``. A subclass may override
    ``get_queryset`` for anything else. ``email_verified_field`` names the model's boolean field
    for a verified address, if it has one. ``personal_fields`` are those, beside login and
    address, that a password may not contain where its connection forbids personal data; by
    default the names the model has, with an empty list none.
    """

    def __init__(
        self,
        filter: Mapping[str, Any] | None = None,  # noqa: A002
        email_verified_field: str = "",
        personal_fields: Iterable[str] | None = None,
    ) -> None:
        self.filter = dict(filter or {})
        self.email_verified_field = email_verified_field
        self.model: Any = get_user_model()
        given = () if personal_fields is None else tuple(personal_fields)
        for field in (email_verified_field, *given):
            if field and not hasattr(self.model, field):
                raise ImproperlyConfigured(f"The user model has no {field!r}.")
        usual = (field for field in USUAL_NAMES if hasattr(self.model, field))
        self.personal_fields = tuple(usual) if personal_fields is None else given

    def get_queryset(self) -> QuerySet[AbstractBaseUser]:
        """Return the users this store holds."""
        queryset: QuerySet[AbstractBaseUser] = self.model._default_manager.all()
        # A filter across a relation may meet the same user twice.
        return queryset.filter(**self.filter).distinct() if self.filter else queryset

    def find(self, *, email: str = "", username: str = "") -> list[Account]:
        users = self._with_email(email) if email else self._with_username(username)
        return [self.account_of(user) for user in users]

    def _with_email(self, email: str) -> list[AbstractBaseUser]:
        # An index, where the site has one, serves the first, while `iexact` reads the whole
        # table. Accounts that differ in letter case only are found together as far as the first
        # reaches: as typed, as Django stores an address (its domain in lower case), all lower.
        column = self.model.get_email_field_name()
        wanted = canonical(email)
        local, at, domain = email.rpartition("@")
        usual = {email, f"{local}{at}{domain.lower()}", email.lower()}
        for lookup, value in ((f"{column}__in", usual), (f"{column}__iexact", email)):
            # The database may call equal what is not: accents, dotless and dotted i.
            found = [
                user
                for user in self.get_queryset().filter(**{lookup: value}).order_by("pk")
                if canonical(getattr(user, column) or "") == wanted
            ]
            if found:
                return found
        return []

    def _with_username(self, username: str) -> Iterable[AbstractBaseUser]:
        username = self.model.normalize_username(username)
        matches = self.get_queryset().filter(**{self.model.USERNAME_FIELD: username})
        # Case and accents count, also where the database's collation ignores them.
        return [user for user in matches.order_by("pk") if user.get_username() == username]

    def get(self, account_id: str, *, for_update: bool = False) -> Account | None:
        try:
            key = self.model._meta.pk.to_python(account_id)
        except ValidationError:
            return None
        user = self._user(key, for_update=for_update)
        if user is None or str(user.pk) != account_id:
            # `007` is a number to Python, but to nobody else the key of account 7.
            return None
        return self.account_of(user)

    def _user(self, key: Any, *, for_update: bool) -> Any:
        """Return the user of this store with a key, or None."""
        holds_all = self._holds_all()
        fits = not isinstance(key, int) or 0 < key <= MAX_COMPILED_KEY
        if fits and holds_all and _is_plain(self.model):
            return _by_key(self.model, for_update=for_update).first(pk=key)
        if not for_update:
            return self.get_queryset().filter(pk=key).first()
        # By key alone: DISTINCT and FOR UPDATE exclude each other.
        user = self.model._default_manager.all().filter(pk=key).select_for_update().first()
        if user is None or holds_all:
            return user
        # Asked of the locked user, and where it was locked: a replica may lag.
        mine = self.get_queryset().using(user._state.db).filter(pk=key)
        return user if mine.exists() else None

    def _holds_all(self) -> bool:
        """Say whether every user is in this store, so that finding one need not ask it."""
        return not self.filter and type(self).get_queryset is ModelUserStore.get_queryset

    def is_resettable(self, account: Account) -> bool:
        user = account.user
        return bool(
            account.email
            and user.is_active
            and (user.has_usable_password() or settings.RESET_UNUSABLE_PASSWORDS)
        )

    def is_privileged(self, account: Account) -> bool:
        user = account.user
        return bool(getattr(user, "is_staff", False) or getattr(user, "is_superuser", False))

    def personal_data(self, account: Account) -> list[str]:
        known = (getattr(account.user, field, "") for field in self.personal_fields)
        return [str(value) for value in (account.login, account.email, *known) if value]

    def fingerprint(self, account: Account) -> str:
        # No key: the hash of a salted password hash tells a reader of the database nothing
        # new, and rotating the secret key must leave open links alone.
        parts = (account.id, account.user.password, account.email)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def password_hash(self, account: Account) -> str:
        user = account.user
        return str(user.password) if user.has_usable_password() else ""

    def set_password(self, account: Account, password: str) -> None:
        account.user.set_password(password)
        account.user.save(update_fields=["password"])

    def end_sessions(self, account: Account) -> None:
        # Django's sessions hold a hash of the password and end with it; tokens do not.
        if apps.is_installed("rest_framework.authtoken"):
            from rest_framework.authtoken.models import Token

            Token.objects.filter(user=account.user).delete()

    def records_verification(self) -> bool:
        return bool(self.email_verified_field)

    def mark_email_verified(self, account: Account) -> None:
        setattr(account.user, self.email_verified_field, True)
        account.user.save(update_fields=[self.email_verified_field])

    def import_accounts(self, profiles: Sequence[Profile], *, write: bool) -> list[Imported]:
        """Add a user for each profile that has none; see `AccountImporter`.

        The users are made by `user_from` and saved without signals (``bulk_create``).
        """
        using = router.db_for_write(self.model)
        with transaction.atomic(using):
            users = [self.user_from(profile) for profile in profiles]
            outcomes = self._judge(profiles, users, using)
            added = [index for index, outcome in enumerate(outcomes) if outcome is Imported.NEW]
            if write and added:
                for index in self._add({index: users[index] for index in added}, using):
                    outcomes[index] = Imported.LOGIN_TAKEN
        return outcomes

    def user_from(self, profile: Profile) -> Any:
        """Return an unsaved user made of a profile, for a subclass to extend.

        It has the fields of the profile that the model has, none of an administrator's rights,
        and what the store's ``filter`` says of plain fields.
        """
        model, names = self.model, {field.name for field in self.model._meta.concrete_fields}
        known = {
            "first_name": profile.given_name,
            "last_name": profile.family_name,
            "name": profile.name,
            "nickname": profile.nickname,
        }
        values: dict[str, Any] = {
            name: value for name, value in known.items() if value and name in names
        }
        values |= self._filtered_values()
        login = model.normalize_username(profile.username or profile.email)
        values[model.USERNAME_FIELD] = login
        if (email_field := model.get_email_field_name()) in names:
            values[email_field] = BaseUserManager.normalize_email(profile.email)
        if self.email_verified_field:
            values[self.email_verified_field] = profile.email_verified
        if profile.is_blocked and "is_active" in names:
            values["is_active"] = False
        return model(**values, password=profile.password or make_password(None))

    def _filtered_values(self) -> dict[str, Any]:
        """Return what a new user must have to be one of this store's."""
        fields = {field.name: field for field in self.model._meta.concrete_fields}
        values = {}
        for name, value in self.filter.items():
            if name not in fields:
                raise ImproperlyConfigured(
                    f"No user can be made to match the store's filter {name!r}: "
                    "override import_accounts()."
                )
            is_key = fields[name].is_relation and not isinstance(value, Model)
            values[fields[name].attname if is_key else name] = value
        return values

    def _judge(
        self, profiles: Sequence[Profile], users: Sequence[Any], using: str
    ) -> list[Imported]:
        addresses, own_logins, logins = self._present(profiles, users, using)
        has_address = self.model.get_email_field_name() in {
            field.name for field in self.model._meta.concrete_fields
        }
        outcomes = []
        for profile, user in zip(profiles, users, strict=True):
            login = user.get_username()
            by_login = not (profile.email and has_address)
            if canonical(profile.email) in addresses or (by_login and login in own_logins):
                outcome = Imported.PRESENT
            elif login in logins:
                outcome = Imported.LOGIN_TAKEN
            elif not self._is_valid(user, profile):
                outcome = Imported.INVALID
            else:
                outcome = Imported.NEW
                logins.add(login)
            outcomes.append(outcome)
        return outcomes

    def _present(
        self, profiles: Sequence[Profile], users: Sequence[Any], using: str
    ) -> tuple[set[str], set[str], set[str]]:
        """Return the addresses and logins of this store, and the logins of all, asked for."""
        names = {field.name for field in self.model._meta.concrete_fields}
        email_field, login_field = self.model.get_email_field_name(), self.model.USERNAME_FIELD
        mine = self.get_queryset().using(using)
        addresses: set[str] = set()
        if email_field in names:
            wanted = {profile.email.lower() for profile in profiles if profile.email}
            found = mine.annotate(_lower=Lower(email_field)).filter(_lower__in=wanted)
            addresses = {canonical(email) for email in found.values_list(email_field, flat=True)}
        logins = {f"{login_field}__in": {user.get_username() for user in users}}
        everybody = self.model._base_manager.using(using)
        return (
            addresses,
            set(mine.filter(**logins).values_list(login_field, flat=True)),
            set(everybody.filter(**logins).values_list(login_field, flat=True)),
        )

    def _is_valid(self, user: Any, profile: Profile) -> bool:
        if profile.is_blocked and "is_active" not in {
            field.name for field in self.model._meta.concrete_fields
        }:
            return False  # it would be let in
        try:
            user.clean_fields()
        except ValidationError:
            return False
        return True

    def _add(self, users: Mapping[int, Any], using: str) -> list[int]:
        """Save users, and return the keys of those that the database refuses."""
        manager = self.model._base_manager.using(using)
        if not self.model._meta.parents:
            try:
                with transaction.atomic(using):
                    manager.bulk_create(users.values())
            except IntegrityError:
                pass  # somebody else was faster, or the database calls two logins the same
            else:
                return []
        refused = []
        for key, user in users.items():
            user.pk = None
            try:
                with transaction.atomic(using):
                    user.save(using=using, force_insert=True)
            except IntegrityError:
                refused.append(key)
        return refused

    def account_of(self, user: AbstractBaseUser) -> Account:
        """Return a user as an account."""
        email = getattr(user, self.model.get_email_field_name(), "") or ""
        return Account(id=str(user.pk), email=email, login=user.get_username(), user=user)
