"""A site in processes of its own: its web server, its workers, its queue and its cron."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from tests.support.mail import Sink
from tests.support.processes import ROOT, database_url
from tests.support.servers import free_port, status_of
from tests.support.time import wait_until
from tests.wakeups import documentation
from tests.wakeups.queues import RedisServer, Table

URL = "/dbconnections/change_password"


@dataclass(frozen=True)
class WakeUp:
    """What has mails delivered soon after their request, as the documentation sets it up."""

    name: str
    queue: type[Table] | type[RedisServer] | None = None
    # Added to the worker's command, so that a test need not wait for as long as a site may.
    hurry: str = ""
    # Run by cron, of which each test has one that knows no minutes.
    by_cron: bool = False


WAKE_UPS = [
    WakeUp("thread"),
    WakeUp("database", queue=Table, hurry="--no-startup-delay --interval 0.2"),
    WakeUp("rq", queue=RedisServer),
    WakeUp("celery", queue=RedisServer),
    WakeUp("loop", hurry="--interval 0.2"),
    WakeUp("cron", by_cron=True),
]

SETTINGS = """
from tests.wakeups.settings import *

{own}

for entry in globals().get("CELERY_BEAT_SCHEDULE", {{}}).values():
    entry["schedule"] = 0.5
"""


class Process:
    """A command and whatever it starts."""

    def __init__(self, command: str, site: "Site") -> None:
        self.command = command
        self._site = site
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._running is not None

    def start(self) -> None:
        assert not self.is_running
        with self._site.log.open("a") as log:
            self._running = subprocess.Popen(
                ["/bin/sh", "-c", self.command],
                cwd=self._site.directory,
                env=self._site.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill all of it at once, with no chance to tidy up."""
        if self._running is None:
            return
        leader = self._running.pid
        # By session: RQ puts what does the work into a process group of its own.
        while members := _session(leader):
            for process in members:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self._running.poll()
        self._running.wait()
        self._running = None


def _session(leader: int) -> list[int]:
    """Return the living processes of a session (proc(5): state, parent, group, session)."""
    members = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _parent, _group, session = file.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                members.append(int(file.parent.name))
    return members


class Site:
    """A site, its files and its processes."""

    def __init__(self, wake_up: WakeUp, directory: Path, sink: Sink) -> None:
        self.wake_up = wake_up
        self.directory = directory
        self.log = directory / "log"
        self.sink = sink
        self.port = free_port()
        self.queue: Table | RedisServer | None = None
        if wake_up.queue is RedisServer:
            self.queue = RedisServer(directory)
        elif wake_up.queue:
            self.queue = wake_up.queue()
        self._write_files()
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "mysite.settings",
            "DATABASE_URL": database_url(),
            "MAIL_PORT": str(sink.port),
        }
        server = "gunicorn mysite.wsgi --threads 4 --graceful-timeout 1"
        self.web = Process(f"exec {server} --bind 127.0.0.1:{self.port}", self)
        self.worker = Process(self._worker_command(), self) if wake_up.name != "thread" else None
        sweep = documentation.command(wake_up.name, "sweep")
        self.sweep = Process(f"exec {sweep}", self) if sweep else None

    def _write_files(self) -> None:
        package = self.directory / "mysite"
        package.mkdir()
        (self.directory / "manage.py").write_text((ROOT / "manage.py").read_text())
        files = {
            "mysite/__init__.py": "",
            "mysite/settings.py": "",
            "mysite/wsgi.py": "from django.core.wsgi import get_wsgi_application\n"
            "application = get_wsgi_application()\n",
        } | documentation.files(self.wake_up.name)
        if isinstance(self.queue, RedisServer):
            settings = files["mysite/settings.py"]
            assert documentation.BROKER in settings
            files["mysite/settings.py"] = settings.replace(documentation.BROKER, self.queue.url)
        files["mysite/settings.py"] = SETTINGS.format(own=files["mysite/settings.py"])
        for path, code in files.items():
            (self.directory / path).write_text(code)

    def _worker_command(self) -> str:
        if self.wake_up.by_cron:
            return f"while :; do {self.cron_command}; sleep 0.1; done"
        command = documentation.command(self.wake_up.name, "worker")
        assert command
        return f"exec {command} {self.wake_up.hurry}"

    @property
    def cron_command(self) -> str:
        assert documentation.DIRECTORY in documentation.cron()
        return documentation.cron().replace(documentation.DIRECTORY, str(self.directory))

    def shell(self, command: str) -> str:
        """Run a command to its end; return what it writes."""
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_cron(self) -> None:
        """Run once what cron runs every minute."""
        self.shell(self.cron_command)

    def start(self) -> None:
        """Have everything run that answers requests, and with the thread, its worker."""
        if self.queue:
            self.queue.start()
        if not self.web.is_running:
            self.web.start()
        # It listens before its site is loaded.
        wait_until(
            lambda: status_of(f"http://127.0.0.1:{self.port}{URL}", timeout=60) == 405,
            "The site does not start.",
            log=self.log,
            seconds=110,
        )

    def start_worker(self) -> None:
        if self.worker and not self.worker.is_running:
            self.worker.start()

    def kill_worker(self) -> None:
        """Kill what delivers; with the thread, that is the web server."""
        for process in filter(None, [self.sweep, self.worker or self.web]):
            process.kill()

    def end(self) -> None:
        for process in filter(None, [self.sweep, self.worker, self.web]):
            process.kill()
        if isinstance(self.queue, RedisServer):
            self.queue.stop()

    def post(self, email: str, *, roll_back: bool = False, **fields: str) -> int:
        """Ask for a reset; return the answer's status."""
        body = {"client_id": "demo", "connection": "Username-Password-Authentication"}
        headers = {"Content-Type": "application/json"}
        if roll_back:
            headers["X-Roll-Back"] = "1"
        request = Request(
            f"http://127.0.0.1:{self.port}{URL}",
            json.dumps(body | {"email": email} | fields).encode(),
            headers,
        )
        with urlopen(request, timeout=60) as answer:  # noqa: S310 (our own site)
            status: int = answer.status
        return status
