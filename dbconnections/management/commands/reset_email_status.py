"""How the outbox is doing, for people and for monitoring."""

import json
import math
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dbconnections.delivery import status


class Command(BaseCommand):
    help = (
        "Print how many mails are due, failing or dead, and how long the oldest has waited. With "
        "--max-age, exit with 1 when that is longer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", dest="as_json", action="store_true", help="print one JSON object"
        )
        parser.add_argument(
            "--max-age", type=float, metavar="SECONDS", help="the longest a mail may be overdue"
        )

    def handle(self, *, as_json: bool, max_age: float | None, **options: Any) -> None:
        if max_age is not None and not (math.isfinite(max_age) and max_age >= 0):
            raise CommandError("--max-age takes seconds, 0 or more.", returncode=2)
        found = status()
        lines = (f"{name.replace('_', ' ')}: {number:.0f}" for name, number in found.items())
        self.stdout.write(json.dumps(found) if as_json else "\n".join(lines))
        overdue = found["oldest_due_seconds"]
        if max_age is not None and overdue > max_age:
            raise CommandError(f"A mail has been due for {overdue:.0f} s.")
