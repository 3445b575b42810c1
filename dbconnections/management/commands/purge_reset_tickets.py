"""Delete the tickets that have been kept long enough."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import ngettext

from dbconnections.retention import purge


class Command(BaseCommand):
    help = (
        "Delete reset tickets that are older than the setting RETENTION, or the longest of "
        "MAIL_CAPS and BOUNCE_WINDOW, if that is longer, and have ended."
    )

    def handle(self, *, verbosity: int = 1, **options: Any) -> None:
        deleted = purge()
        if deleted or verbosity > 1:
            self.stdout.write(
                ngettext("%d ticket was deleted.", "%d tickets were deleted.", deleted) % deleted
            )
