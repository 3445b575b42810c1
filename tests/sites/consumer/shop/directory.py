"""A site's own store of users: every method of the protocol, with the types it promises."""

from collections.abc import Sequence
from dataclasses import dataclass

from dbconnections.accounts import (
    Account,
    AccountImporter,
    Imported,
    ModelUserStore,
    Profile,
    UserStore,
    canonical,
)


@dataclass
class Entry:
    key: str
    mail: str
    password: str
    is_staff: bool = False


ENTRIES: dict[str, Entry] = {}


class DirectoryStore:
    def find(self, *, email: str = "", username: str = "") -> list[Account]:
        wanted = canonical(email or username)
        return [account_of(entry) for entry in ENTRIES.values() if canonical(entry.mail) == wanted]

    def get(self, account_id: str, *, for_update: bool = False) -> Account | None:
        entry = ENTRIES.get(account_id)
        return account_of(entry) if entry else None

    def is_resettable(self, account: Account) -> bool:
        return bool(account.email)

    def is_privileged(self, account: Account) -> bool:
        return ENTRIES[account.id].is_staff

    def personal_data(self, account: Account) -> list[str]:
        return [account.login]

    def fingerprint(self, account: Account) -> str:
        return ENTRIES[account.id].password[-64:]

    def password_hash(self, account: Account) -> str:
        return ""

    def set_password(self, account: Account, password: str) -> None:
        ENTRIES[account.id].password = password

    def end_sessions(self, account: Account) -> None: ...

    def records_verification(self) -> bool:
        return False

    def mark_email_verified(self, account: Account) -> None: ...

    def import_accounts(self, profiles: Sequence[Profile], *, write: bool) -> list[Imported]:
        outcomes = []
        for profile in profiles:
            is_there = bool(self.find(email=profile.email))
            outcomes.append(Imported.PRESENT if is_there else Imported.NEW)
            if write and not is_there:
                ENTRIES[profile.email] = Entry(profile.email, profile.email, profile.password)
        return outcomes


def account_of(entry: Entry) -> Account:
    return Account(id=entry.key, email=entry.mail, login=entry.mail, user=entry)


class CustomerStore(ModelUserStore):
    """Some of the site's users."""

    def is_resettable(self, account: Account) -> bool:
        return super().is_resettable(account) and not self.is_privileged(account)


stores: list[UserStore] = [DirectoryStore(), CustomerStore(filter={"is_staff": False})]
importers: list[AccountImporter] = [DirectoryStore(), CustomerStore()]
