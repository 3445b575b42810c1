"""Takes users over in batches, each of them whole."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import get_hashers_by_algorithm
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from dbconnections.accounts import AccountImporter, Imported, canonical, get_store
from dbconnections.auth0_import.exports import ExportError, read_users
from dbconnections.auth0_import.profiles import LEFT_OUT, ExportedUser, Loss, user_of

# Large enough that the database's work outweighs the way there, small enough that Ctrl-C loses
# little and that no database runs out of parameters.
BATCH = 500

# As many problems, and line numbers of a loss, as somebody reads.
SHOWN = 10

LOST = {Imported.LOGIN_TAKEN: Loss.LOGIN_TAKEN, Imported.INVALID: Loss.INVALID}


@dataclass
class Survey:
    """What a user export holds, found without a database."""

    lines: int = 0
    hashes: int = 0


@dataclass
class Tally:
    """What has become of the users so far."""

    new: int = 0
    present: int = 0
    left_out: int = 0
    last_line: int = 0
    """The last line that is done with."""

    shown: int | None = SHOWN
    """Line numbers kept of each loss; all of them if None."""

    counts: dict[Loss, int] = field(default_factory=dict)
    lines: dict[Loss, list[int]] = field(default_factory=dict)

    def lose(self, loss: Loss, line: int) -> None:
        self.counts[loss] = self.counts.get(loss, 0) + 1
        lines = self.lines.setdefault(loss, [])
        if self.shown is None or len(lines) < self.shown:
            lines.append(line)


def survey(path: Path) -> Survey:
    """Read a user export to its end; raise ``ExportError`` if any line could not be imported."""
    found, problems = Survey(), []
    for number, data in read_users(path):
        user, wrong = _user(number, data)
        problems += wrong
        if len(problems) >= SHOWN:
            break
        found.lines += 1
        found.hashes += bool(user and user.profile.password)
    if problems:
        raise ExportError(*problems[:SHOWN])
    return found


def check_hasher() -> str:
    """Return why imported passwords could not be verified, or an empty text."""
    hasher: Any = get_hashers_by_algorithm().get("bcrypt")
    ours = "dbconnections.auth0_import.hashers.Auth0BCryptPasswordHasher"
    if hasher is None:
        return _(
            'PASSWORD_HASHERS has no hasher for Auth0\'s hashes (plain bcrypt). Add "%(ours)s" at '
            "its end."
        ) % {"ours": ours}
    try:
        hasher._load_library()
    except ValueError:
        return _("Verifying Auth0's hashes needs bcrypt: pip install 'dbconnections[import]'.")
    return ""


def import_users(
    path: Path,
    stores: Mapping[str, str],
    tally: Tally,
    *,
    write: bool,
    progress: Callable[[Tally], None],
    verified_only: bool = False,
    batch: int = BATCH,
) -> None:
    """Take over each user of the export whose connection is in ``stores``, and keep the tally.

    ``stores`` has the user store of each connection. A line that names no connection belongs to
    the only one, if there is only one. With ``verified_only``, whoever has an address that was
    never verified is left out. Each batch is one transaction of its store; what went
    before an interruption stays, and a second run finds it there and goes on.
    """
    with Seen() as seen:
        # Made as each line is read, so that a batch holds no metadata, however long.
        lines = ((number, _checked(number, data)) for number, data in read_users(path))
        while chunk := list(islice(lines, batch)):
            _import_batch(chunk, stores, seen, tally, write, verified_only)
            tally.last_line = chunk[-1][0]
            progress(tally)


def _import_batch(
    chunk: Iterable[tuple[int, ExportedUser]],
    stores: Mapping[str, str],
    seen: "Seen",
    tally: Tally,
    write: bool,
    verified_only: bool,
) -> None:
    by_store: dict[str, list[tuple[int, ExportedUser]]] = {}
    # Noted only when the batch is written, so that the tally tells what is there.
    lost: list[tuple[Loss, int]] = []
    left_out = new = present = 0
    for number, user in chunk:
        connection = user.connection or (next(iter(stores)) if len(stores) == 1 else "")
        # The first reason counts, so that the reasons add up.
        reasons = user.losses & LEFT_OUT
        reason = next((loss for loss in Loss if loss in reasons), None)
        # Before `seen`: who signed up with somebody else's address must not keep out its owner.
        if not reason and verified_only and Loss.UNVERIFIED in user.losses:
            reason = Loss.VERIFIED_ONLY
        if not reason and connection not in stores:
            reason = Loss.UNKNOWN_CONNECTION
        if not reason and not seen.add(stores[connection], user):
            reason = Loss.DUPLICATE
        if reason:
            left_out += 1
            lost.append((reason, number))
        else:
            by_store.setdefault(stores[connection], []).append((number, user))
    for name, entries in by_store.items():
        profiles = [user.profile for _number, user in entries]
        outcomes = importer(name).import_accounts(profiles, write=write)
        for (number, user), outcome in zip(entries, outcomes, strict=True):
            if loss := LOST.get(outcome):
                left_out += 1
                lost.append((loss, number))
            elif outcome is Imported.PRESENT:
                present += 1
            else:
                new += 1
                lost += [(loss, number) for loss in sorted(user.losses)]
    tally.new += new
    tally.present += present
    tally.left_out += left_out
    for loss, number in lost:
        tally.lose(loss, number)


def _checked(number: int, data: Any) -> ExportedUser:
    user, problems = _user(number, data)
    if user is None or problems:
        raise ExportError(*problems)  # the file has changed since the survey
    return user


def importer(name: str) -> AccountImporter:
    """Return a store that takes accounts over; raise ``ImproperlyConfigured`` if it cannot."""
    store: Any = get_store(name)
    if not callable(getattr(store, "import_accounts", None)):
        raise ImproperlyConfigured(
            _("The user store %(name)r has no import_accounts(), so users cannot be imported.")
            % {"name": name}
        )
    return store  # type: ignore[no-any-return]


def _user(number: int, data: Any) -> tuple[ExportedUser | None, list[str]]:
    path = _("line %(line)d") % {"line": number}
    if not isinstance(data, dict):
        return None, [_("%(path)s: must be an object.") % {"path": path}]
    return user_of(data, path)


class Seen:
    """The addresses met so far, outside of memory, and only as hashes of them."""

    def __enter__(self) -> "Seen":
        # A nameless database: a temporary file that is gone when closed.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")
        return self

    def __exit__(self, *error: object) -> None:
        self._database.close()

    def add(self, store: str, user: ExportedUser) -> bool:
        """Remember a user; say whether they are new."""
        profile = user.profile
        kind, value = ("email", profile.email) if profile.email else ("name", profile.username)
        key = blake2b("\0".join((store, kind, canonical(value))).encode(), digest_size=16)
        added = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", [key.digest()])
        return added.rowcount == 1
