"""Take over applications, connections and users from an export of Auth0."""

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dbconnections.auth0_import.configuration import Plan, plan_of
from dbconnections.auth0_import.exports import ExportError, read_configuration
from dbconnections.auth0_import.profiles import SENTENCES
from dbconnections.auth0_import.users import (
    SHOWN,
    Survey,
    Tally,
    check_hasher,
    import_users,
    importer,
    survey,
)
from dbconnections.auth0_import.writing import Changes, apply


class Command(BaseCommand):
    help = (
        "Take over clients and connections from an export of Auth0's Deploy CLI and, with --users, "
        "users with their passwords. Shows what would happen; --apply does it. Ctrl-C "
        "ends it with 130, and the same command goes on from there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("export", type=Path, help="tenant.yaml, or the directory it exported")
        parser.add_argument(
            "--users", type=Path, metavar="FILE", help="user export, one JSON object a line; or .gz"
        )
        parser.add_argument(
            "--verified-only",
            action="store_true",
            help="leave out users whose address was never verified",
        )
        parser.add_argument(
            "--apply", action="store_true", help="write; without it, nothing is written"
        )

    def handle(
        self,
        *,
        export: Path,
        users: Path | None,
        verified_only: bool,
        apply: bool,
        verbosity: int = 1,
        **options: Any,
    ) -> None:
        try:
            self._import(export, users, verified_only, apply, verbosity)
        except (ExportError, ImproperlyConfigured) as error:
            raise CommandError("\n".join(_shown(str(line)) for line in error.args)) from error

    def _import(
        self, export: Path, users: Path | None, verified_only: bool, write: bool, verbosity: int
    ) -> None:
        try:
            plan, found, unverifiable = self._read(export, users, write)
            changes = apply(plan, write=write)
        except KeyboardInterrupt:
            raise CommandError(_("Nothing was written."), returncode=130) from None
        self._tell_changes(changes)
        self._tell(_("Not carried over:"), [*plan.notes, *_shared_stores(changes.stores)])
        if users and found:
            self._import_users(users, changes, found.lines, verified_only, write, verbosity)
        if unverifiable:
            self._tell(_("Before --apply:"), [unverifiable])
        if not write:
            self.stdout.write(_("Dry run: nothing was written. Add --apply to do it."))

    def _read(
        self, export: Path, users: Path | None, write: bool
    ) -> tuple[Plan, Survey | None, str]:
        """Return what is to be imported, and why passwords could not be verified.

        All that can be found wrong is found here, before anything is written.
        """
        plan = plan_of(read_configuration(export))
        if plan.problems:
            raise ExportError(*plan.problems, _("Nothing was written."))
        found = survey(users) if users else None
        unverifiable = check_hasher() if found and found.hashes else ""
        if unverifiable and write:
            raise ExportError(unverifiable, _("Nothing was written."))
        if users:
            for store in set(apply(plan, write=False).stores.values()):
                importer(store)
        return plan, found, unverifiable

    def _import_users(
        self,
        path: Path,
        changes: Changes,
        lines: int,
        verified_only: bool,
        write: bool,
        verbosity: int,
    ) -> None:
        tally, done = Tally(shown=None if verbosity > 1 else SHOWN), 0

        def progress(tally: Tally) -> None:
            nonlocal done
            now = tally.new + tally.present + tally.left_out
            # Once for each twentieth part, whatever the size of the file.
            if verbosity and now * 20 // lines > done * 20 // lines and now < lines:
                self.stderr.write(_("%(done)d of %(lines)d users") % {"done": now, "lines": lines})
            done = now

        try:
            import_users(
                path,
                changes.stores,
                tally,
                write=write,
                progress=progress,
                verified_only=verified_only,
            )
        except KeyboardInterrupt:
            raise CommandError(
                _(
                    "Stopped after line %(line)d. What was imported up to there stays; the same "
                    "command goes on from there."
                )
                % {"line": tally.last_line},
                returncode=130,
            ) from None
        finally:
            # Whatever ended it: batches before stay, so say what they were.
            self._tell_users(tally)

    def _tell_changes(self, changes: Changes) -> None:
        self._tell(_("Clients and connections:"), changes.lines)
        if changes.unchanged:
            self.stdout.write(
                ngettext(
                    "%(number)d is as it should be.",
                    "%(number)d are as they should be.",
                    changes.unchanged,
                )
                % {"number": changes.unchanged}
            )

    def _tell_users(self, tally: Tally) -> None:
        self.stdout.write(
            _("Users: %(new)d new, %(present)d already there, %(left_out)d left out.")
            % {"new": tally.new, "present": tally.present, "left_out": tally.left_out}
        )
        told = []
        for loss, count in sorted(tally.counts.items()):
            shown = tally.lines[loss]
            lines = ", ".join(map(str, shown)) + (", …" if count > len(shown) else "")
            told.append(
                _("%(count)d %(what)s (line %(lines)s)")
                % {"count": count, "what": SENTENCES[loss], "lines": lines}
            )
        self._tell(_("Of the users:"), told)

    def _tell(self, heading: str, lines: list[str]) -> None:
        if lines:
            self.stdout.write("\n".join([heading, *(f"  {_shown(line)}" for line in lines)]))


def _shared_stores(stores: Mapping[str, str]) -> list[str]:
    """Return a sentence for each user store that holds the accounts of several connections."""
    sharing: dict[str, list[str]] = {}
    for connection, store in stores.items():
        sharing.setdefault(store, []).append(connection)
    return [
        _("%(connections)s share the user store %(store)s, so each serves all of its users.")
        % {"connections": ", ".join(connections), "store": store}
        for store, connections in sharing.items()
        if len(connections) > 1
    ]


def _shown(line: str) -> str:
    """Return a line fit for a terminal: names in a file may be anybody's, and move its cursor."""
    return "".join(it if it.isprintable() else ascii(it)[1:-1] for it in line)
