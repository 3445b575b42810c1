"""How long it takes to judge a password, without hashing.

    python -m benchmarks.passwords

Judges passwords of 128 characters by the strictest policy there is and the site's validators, with
and without somebody's data, and prints the median of each in microseconds.
"""

import contextlib
import os
import statistics
import time
from collections.abc import Callable

import django

ROUNDS = 2_000


def median(judge: Callable[[], None]) -> float:
    """Return the median time of a call in microseconds."""
    times = []
    for _round in range(ROUNDS):
        started = time.perf_counter_ns()
        judge()
        times.append(time.perf_counter_ns() - started)
    return statistics.median(times) / 1000


def main() -> None:
    """Print a line for each case."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.contrib.auth.models import User

    from dbconnections import passwords
    from dbconnections.passwords.rules import ALL_TYPES
    from dbconnections.secret import Secret

    policy = passwords.Policy(
        min_length=128,
        types=ALL_TYPES,
        three_of_four=True,
        blocks_identical=True,
        blocks_sequential=True,
        max_bytes=512,
        common=100_000,
        words=frozenset(f"word-{number}" for number in range(200)),
        refuses_personal_data=True,
    )
    user = User(
        username="x" * 150, first_name="y" * 150, last_name="z" * 150, email=f"{'w' * 60}@x.org"
    )
    personal = [user.username, user.first_name, user.last_name, user.email]
    cases = {
        "letters, digits and signs": "aQ7-" * 32,
        "four bytes a character": "😀🔑aB" * 32,
        "one character": "a" * 128,
    }
    for name, text in cases.items():
        password = Secret(text)
        asked = {"unsaved_user": User(email=user.email)}
        for whom, known in {"a request": asked, "an account": {"user": user}}.items():

            def judge(password: Secret = password, known: dict[str, User] = known) -> None:
                with contextlib.suppress(passwords.PasswordRefused):
                    passwords.check(password, policy, personal=personal, **known)

            print(f"{median(judge):8.0f} µs  {name}, for {whom}")  # noqa: T201


if __name__ == "__main__":
    main()
