"""One site in a process of its own, which answers what it is told on its standard input.

    BENCHMARK_DATABASE=… DJANGO_SETTINGS_MODULE=… python -m benchmarks.worker SITE

Each line in is a JSON object with the name of a function of `Worker` under ``do`` and its
arguments; each line out is what that returned. Requests go straight into the site's WSGI
application, middleware included, without a client or a server around it.
"""

import gc
import json
import sys
import time
from itertools import count
from typing import Any

import django

from benchmarks import databases
from benchmarks.sites import SITES, Site, environ


class Worker:
    """A site, its users, and who has been asked for so far."""

    def __init__(self, site: Site) -> None:
        from django.core.management import call_command
        from django.core.wsgi import get_wsgi_application

        self.site = site
        self.users = 0
        self.numbers = count(1)
        self.application = get_wsgi_application()
        call_command("migrate", run_syncdb=True, verbosity=0)
        self.introduce()

    def introduce(self) -> None:
        """Make the application that asks, where a site knows such a thing."""
        if self.site.package == "floor":
            from benchmarks.sites.floor.models import Application

            Application.objects.create(client_id="app")
        if self.site.is_ours:
            from dbconnections.models import AllowedOrigin, Client, Connection

            client = Client.objects.create(client_id="app", name="Acme", accepts_password=True)
            AllowedOrigin.objects.create(client=client, origin="https://app.example.com")
            Connection.objects.create(name="Username-Password-Authentication").clients.add(client)

    def prepare(
        self, users: int, delay: float = 0.0, tickets: int = 0, settle: bool = True
    ) -> None:
        """Have so many users and a mail server that takes ``delay`` seconds; warm up."""
        from benchmarks.mail import SlowBackend

        if users > self.users:
            databases.add_users(self.users + 1, users)
            self.users = users
        SlowBackend.delay = 0.0
        self.batch(25, settle)
        if tickets:
            databases.add_tickets(tickets)
            self.batch(25, settle)
        SlowBackend.delay = delay
        gc.collect()

    def batch(
        self, pairs: int, settle: bool = True, warm_up: int = 0
    ) -> dict[str, list[list[int]]]:
        """Ask so often for a user and for a stranger; return wall and CPU times of each.

        Nanoseconds; CPU is that of the thread that answers. Which of the two comes first
        alternates. The ``warm_up`` pairs before are not among them.
        """
        times: dict[str, list[list[int]]] = {"known": [], "unknown": []}
        for pair in range(-warm_up, pairs):
            number = next(self.numbers)
            cases = ("known", "unknown") if number % 2 else ("unknown", "known")
            for case in cases:
                taken = self.ask(case, number)
                if pair >= 0:
                    times[case].append(taken)
        if settle:
            self.settle()
        return times

    def ask(self, case: str, number: int) -> list[int]:
        """Send one request; return its wall and CPU time."""
        # A prime larger than any table, so that neighbours are not asked for in turn.
        user = number * 1_000_003 % self.users + 1
        email = f"{'user' if case == 'known' else 'nobody'}{user}@example.com"
        # From elsewhere each time: limits are on, and are not what is reached here.
        ip = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        request = environ(self.site, email, ip)
        status: list[str] = []
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        answer = self.application(request, lambda line, headers: status.append(line))
        content = b"".join(answer)
        answer.close()
        cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
        expected = getattr(self.site, case)
        if int(status[0].split()[0]) != expected:
            sys.exit(f"{self.site.label} answered {status[0]} for {case}: {content[:500]!r}")
        return [wall, cpu]

    def settle(self) -> None:
        """Have every mail sent, so that no work is left for somebody else's time."""
        if not self.site.is_ours:
            return
        from dbconnections import delivery
        from dbconnections.conf import settings

        if settings.WAKE_UP == "none":
            delivery.deliver_due()
        else:
            while delivery.next_due() is not None:
                time.sleep(0.01)

    def statements(self, settle: bool = True) -> dict[str, dict[str, int]]:
        """Count statements, those that write, and mails in a request of either kind."""
        from django.db import connection

        from benchmarks.mail import SlowBackend

        counted: dict[str, dict[str, int]] = {}
        for case in ("known", "unknown"):
            seen: list[str] = []

            def note(execute: Any, sql: str, *rest: Any, seen: list[str] = seen) -> Any:
                seen.append(sql.split(None, 1)[0].upper())
                return execute(sql, *rest)

            before = SlowBackend.sent
            with connection.execute_wrapper(note):
                self.ask(case, next(self.numbers))
            if settle:
                self.settle()
            control = {"SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT"}
            counted[case] = {
                "statements": sum(verb not in control for verb in seen),
                "writes": sum(verb in {"INSERT", "UPDATE", "DELETE"} for verb in seen),
                "mails": SlowBackend.sent - before,
            }
        return counted


def main(name: str) -> None:
    """Serve until the standard input ends."""
    # Whatever a site prints goes elsewhere than the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    django.setup()
    worker = Worker(SITES[name])
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        answer = getattr(worker, order.pop("do"))(**order)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
