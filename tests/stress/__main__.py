"""Run a stress command on an empty database of its own: `python -m tests.stress NAME`."""

import argparse
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

COMMANDS = {
    "crash": "kill what delivers, and what asks, and see that no mail is lost",
    "caps": "ask from many processes under forged headers, and see that every limit holds",
    "repeats": "send one request 20 times, and see that it leads to one mail",
    "enumeration": "time requests for addresses with and without an account",
}


def main() -> None:
    # Ended from outside, a command still ends its processes and removes its database.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    parser = argparse.ArgumentParser(
        prog="python -m tests.stress",
        description="Put the app under stress; exit 0 if it holds and its broken control does not.",
        epilog="DATABASE_URL and REDIS_URL choose servers, as in the tests; the database is new.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    with TemporaryDirectory(prefix="dbconnections-stress-") as directory:
        os.environ["TEST_DATABASE"] = f"{directory}/db.sqlite3"
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.stress.settings"
        # The commands import models, which takes a Django that is set up.
        import django

        django.setup()
        from tests.stress.support import database

        modules = {name: import_module(f"tests.stress.{name}") for name in COMMANDS}
        for name, meaning in COMMANDS.items():
            command = commands.add_parser(name, help=meaning, description=modules[name].__doc__)
            modules[name].add_arguments(command)
        options = vars(parser.parse_args())
        with database():
            holds = modules[options.pop("command")].run(Path(directory), **options)
    sys.exit(not holds)


if __name__ == "__main__":
    main()
