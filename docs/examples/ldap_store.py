"""A user store on an LDAP directory: accounts are its entries, passwords stay there.

Written for OpenLDAP and others with the Password Modify operation (RFC 3062).
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ldap3
from django.contrib.auth import get_user_model
from django.db import OperationalError
from ldap3.core.exceptions import (
    LDAPCommunicationError,
    LDAPConstraintViolationResult,
    LDAPNoSuchObjectResult,
)
from ldap3.utils.conv import escape_filter_chars

from dbconnections.accounts import Account, canonical
from dbconnections.passwords import PasswordRefused

SECONDS = 5
ATTRIBUTES = ["entryUUID", "uid", "mail", "givenName", "sn", "userPassword"]


class RefusedByDirectory(PasswordRefused):
    """The directory has rules of its own."""

    name = "PasswordStrengthError"
    message = "Password is too weak"


@dataclass(frozen=True)
class Person:
    """An entry, with the names that Django's password validators look for."""

    dn: str
    username: str
    email: str
    first_name: str
    last_name: str
    password: str


class LdapStore:
    """Accounts are the persons below ``base_dn`` who have a ``uid`` and an ``entryUUID``.

    ``bind_dn`` may search them, read their ``userPassword`` and set it, and search the ``member``
    of ``admins_dn``. Whoever is one is privileged, and everybody where that cannot be told.
    """

    def __init__(
        self, *, url: str, base_dn: str, bind_dn: str, bind_password: str, admins_dn: str
    ) -> None:
        self.server = ldap3.Server(url, connect_timeout=SECONDS, get_info=ldap3.NONE)
        self.base_dn = base_dn
        self.bind = {"user": bind_dn, "password": bind_password}
        self.admins_dn = admins_dn

    def find(self, *, email: str = "", username: str = "") -> list[Account]:
        asked, attribute = (email, "mail") if email else (username, "uid")
        accounts = self._search(f"({attribute}={escape_filter_chars(asked)})")
        # The directory's own comparison ignores more than letter case.
        return [
            account
            for account in accounts
            if canonical(account.email if email else account.login) == canonical(asked)
        ]

    def get(self, account_id: str, *, for_update: bool = False) -> Account | None:
        # A directory has no locks. Only how exactly mails are counted suffers: that a link works
        # once is up to the site's database.
        found = self._search(f"(entryUUID={escape_filter_chars(account_id)})")
        return found[0] if len(found) == 1 else None

    def is_resettable(self, account: Account) -> bool:
        return bool(account.email)

    def is_privileged(self, account: Account) -> bool:
        if not self.admins_dn:
            return True
        # Found only where it is known: a group that names its people otherwise, or does not show
        # them to this service, does not match.
        outside = f"(&(member=*)(!(member={escape_filter_chars(account.user.dn)})))"
        with self._connection() as directory:
            try:
                directory.search(self.admins_dn, outside, ldap3.BASE)
            except LDAPNoSuchObjectResult:
                return True  # a group that cannot be read might have anybody in it
            return not directory.entries

    def personal_data(self, account: Account) -> list[str]:
        person = account.user
        known = (account.login, account.email, person.first_name, person.last_name)
        return [value for value in known if value]

    def fingerprint(self, account: Account) -> str:
        # Where userPassword cannot be read, pwdChangedTime of a password policy does as well.
        parts = (account.id, account.user.password, account.email)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def password_hash(self, account: Account) -> str:
        return ""  # the directory's hashes are not Django's

    def set_password(self, account: Account, password: str) -> None:
        with self._connection() as directory:
            try:
                directory.extend.standard.modify_password(account.user.dn, new_password=password)
            except LDAPConstraintViolationResult as error:
                # A rule of the directory's own; the person reads it and chooses another.
                raise RefusedByDirectory([error.message or error.description]) from error

    def end_sessions(self, account: Account) -> None:
        # With django-auth-ldap each person has a user with an unusable password. A new one, just
        # as unusable, ends the sessions, which hold a hash of it.
        model = get_user_model()
        for user in model._default_manager.filter(**{model.USERNAME_FIELD: account.login}):
            if not user.has_usable_password():
                user.set_unusable_password()
                user.save(update_fields=["password"])

    def records_verification(self) -> bool:
        return False

    def mark_email_verified(self, account: Account) -> None:
        """Never called, as nothing is recorded."""

    def _search(self, condition: str) -> list[Account]:
        with self._connection() as directory:
            wanted = f"(&(objectClass=inetOrgPerson)(uid=*){condition})"
            directory.search(self.base_dn, wanted, ldap3.SUBTREE, attributes=ATTRIBUTES)
            return [_account(entry) for entry in directory.entries]

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        """Connect; what fails for now is told as a database that is away, and tried again."""
        try:
            with ldap3.Connection(
                self.server, **self.bind, receive_timeout=SECONDS, raise_exceptions=True
            ) as connection:
                yield connection
        except LDAPCommunicationError as error:
            raise OperationalError("The directory cannot be reached.") from error


def _account(entry: Any) -> Account:
    person = Person(
        dn=entry.entry_dn,
        username=_first(entry, "uid"),
        email=_first(entry, "mail"),
        first_name=_first(entry, "givenName"),
        last_name=_first(entry, "sn"),
        password=_first(entry, "userPassword"),
    )
    key = _first(entry, "entryUUID")
    return Account(id=key, email=person.email, login=person.username, user=person)


def _first(entry: Any, attribute: str) -> str:
    """Return an attribute's value; of several, which have no order, the first by the alphabet."""
    values = sorted(
        value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        for value in entry[attribute].values
    )
    return values[0] if values else ""
