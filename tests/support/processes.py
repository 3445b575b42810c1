"""Real processes at work on the database of the running test.

A new interpreter forks them: it starts Django once for all, and unlike the test's own process it
has no other threads, which a fork would leave in the middle of whatever they did.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.db import connection

Process = subprocess.Popen[str]
ROOT = Path(__file__).parent.parent.parent


def run(
    function: Callable[..., Any],
    processes: int = 1,
    *,
    settings: str = "tests.settings",
    timeout: float = 100,
    **arguments: Any,
) -> list[Any]:
    """Call a module's function in several processes at once; return what each returned."""
    with running(function, processes, settings=settings, **arguments) as process:
        output, _errors = process.communicate(timeout=timeout)
    assert process.returncode == 0
    return json.loads(output)


def running(
    function: Callable[..., Any],
    processes: int = 1,
    *,
    settings: str = "tests.settings",
    **arguments: Any,
) -> AbstractContextManager[Process]:
    """Do as `run` but do not wait; if there is one process, it is the one returned."""
    return python(
        *("-m", "tests.support.processes"),
        *(function.__module__, function.__name__, str(processes), json.dumps(arguments)),
        settings=settings,
    )


@contextmanager
def python(*arguments: str, settings: str = "tests.settings") -> Iterator[Process]:
    """Start Python on the database of the running test; leave nothing of it running."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": settings},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def database_url() -> str:
    """Return the address of the running test's database, as ``DATABASE_URL`` takes it."""
    database = connection.settings_dict
    server = ""
    if database["HOST"]:
        server = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}"
        server += f":{database['PORT']}" if database["PORT"] else ""
    return f"{connection.vendor}://{server}/{database['NAME']}"


def main(module: str, name: str, processes: str, arguments: str) -> None:
    django.setup()
    function = getattr(import_module(module), name)
    if processes == "1":
        results = [function(**json.loads(arguments))]
    else:
        results = fork(lambda: function(**json.loads(arguments)), int(processes))
    print(json.dumps(results))  # noqa: T201 (read by `run`)


def fork(function: Callable[[], Any], processes: int) -> list[Any]:
    context = multiprocessing.get_context("fork")
    together = context.Barrier(processes)
    results = context.SimpleQueue()

    def work() -> None:
        together.wait()
        results.put(function())

    workers = [context.Process(target=work) for _ in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        sys.exit("A worker failed.")
    return [results.get() for _ in workers]


if __name__ == "__main__":
    main(*sys.argv[1:])
