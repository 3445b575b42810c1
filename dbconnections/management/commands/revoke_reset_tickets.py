"""Close every open ticket at once."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import ngettext

from dbconnections.tickets import revoke_all


class Command(BaseCommand):
    help = (
        "Revoke every open reset ticket, so that no link mailed so far works any more. Run it "
        "after a database was restored: links used since the copy was made would work again."
    )

    def handle(self, **options: Any) -> None:
        revoked = revoke_all("administrator")
        self.stdout.write(
            ngettext("%d ticket was revoked.", "%d tickets were revoked.", revoked) % revoked
        )
