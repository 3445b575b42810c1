"""Close every open ticket at once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import ngettext

from dbconnections.tickets import revoke_all
from dbconnections.transactions import Busy


class Command(BaseCommand):
    help = (
        "Revoke every open reset ticket, so that no link mailed so far works any more. Run it "
        "after a database was restored: links used since the copy was made would work again."
    )

    def handle(self, **options: Any) -> None:
        try:
            revoked = revoke_all("administrator")
        except Busy as error:
            raise CommandError(
                f"{error} What was revoked up to there stays; the same command goes on from there."
            ) from error
        self.stdout.write(
            ngettext("%d ticket was revoked.", "%d tickets were revoked.", revoked) % revoked
        )
