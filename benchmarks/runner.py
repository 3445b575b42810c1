"""Sites at work side by side, each in a process and on a database of its own, asked in turn."""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import databases
from benchmarks.sites import SITES, Site

ROOT = Path(__file__).parent.parent

WARM_UP = 2

Times = dict[str, list[list[int]]]
"""Wall and CPU nanoseconds of each request, under ``known`` and ``unknown``."""


def alone(
    benchmark: str, vendor: str, directory: Path, settings: str, *arguments: str, **variables: str
) -> Any:
    """Run a benchmark's ``--worker`` on an empty database of its own; return what it prints."""
    address = databases.url(vendor, benchmark, directory)
    own = {"BENCHMARK_DATABASE": address, "DJANGO_SETTINGS_MODULE": settings}
    try:
        output = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{benchmark}", "--worker", *arguments],
            cwd=ROOT,
            env=os.environ | own | variables,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    finally:
        databases.drop(address)
    return json.loads(output)


class Process:
    """A `benchmarks.worker` and the conversation with it."""

    def __init__(self, site: str, address: str) -> None:
        self.site: Site = SITES[site]
        self.times: Times = {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", site],
            cwd=ROOT,
            env=os.environ
            | {
                "BENCHMARK_DATABASE": address,
                "DJANGO_SETTINGS_MODULE": self.site.settings_module,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, do: str, **arguments: Any) -> None:
        """Send an order; its answer is `hear`'s."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        """Return the answer to the oldest order that is open."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.site.label} has ended.")
        return json.loads(line)

    def ask(self, do: str, **arguments: Any) -> Any:
        """Send an order and return the answer."""
        self.tell(do, **arguments)
        return self.hear()

    def end(self) -> None:
        """Let the process end, however it is doing."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(vendor: str, sites: dict[str, str]) -> Iterator[dict[str, Process]]:
    """Start a process for each name, with the site it is to be; remove all at the end."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        processes = {}
        for name, site in sites.items():
            address = databases.url(vendor, name, directory)
            stack.callback(databases.drop, address)
            processes[name] = Process(site, address)
            stack.callback(processes[name].end)
        yield processes


def measure(
    processes: dict[str, Process], rounds: int, pairs: int, more: int = 1, **how: Any
) -> None:
    """Ask each process in turn for some pairs, in another order each round.

    Sites that leave the mails to somebody else are asked for ``more`` times as many.

    Whatever the machine does meanwhile happens to all of them alike. The first pairs of a turn are
    not counted: they find the processor's caches full of another site.
    """
    for process in processes.values():
        process.times = {"known": [], "unknown": []}
    order = list(processes.values())
    for _round in range(rounds):
        random.shuffle(order)
        for process in order:
            asked = pairs * (more if process.site.leaves_mails else 1)
            for case, times in process.ask("batch", pairs=asked, warm_up=WARM_UP, **how).items():
                process.times[case] += times
