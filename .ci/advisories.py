"""Have pip-audit ask PyPI what weaknesses are known of what we install, and a bait first.

pip-audit asks PyPI for a release by its number. Some mirrors answer for a project only, which
tells of its newest release: so pip-audit asks a server of ours, as it would ask OSV's, and that
asks PyPI one way and then the other. What neither answers is named at the end.

Ends with 1 where a weakness is known, the bait is not caught or PyPI cannot be reached.
"""

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent
BAIT = ROOT / ".ci/bait/requirements.txt"
LOCKED = ROOT / "requirements-dev.txt"
PYPI = "https://pypi.org/pypi"


class Advisories(BaseHTTPRequestHandler):
    """Answers as https://google.github.io/osv.dev/post-v1-query/ says, with what PyPI knows."""

    asked: set[str] = set()
    unanswered: set[str] = set()

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, version = query["package"]["name"], query["version"]
        self.asked.add(f"{name} {version}")
        release = told_of(f"{name}/{version}")
        if not release:
            newest = told_of(name)
            release = newest if newest and newest["info"]["version"] == version else {}
        if not release:
            self.unanswered.add(f"{name} {version}")
        weaknesses = release.get("vulnerabilities", [])
        body = json.dumps({"vulns": [osv(name, version, it) for it in weaknesses]})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: object) -> None:
        pass


def told_of(path: str) -> dict[str, Any]:
    """Return what PyPI tells of a project or a release, nothing where it knows none."""
    for seconds in (0, 1, 5, 20):
        time.sleep(seconds)
        try:
            with urlopen(f"{PYPI}/{path}/json", timeout=20) as response:  # noqa: S310 (is https)
                return json.load(response)
        except HTTPError as error:
            if error.code == 404:
                return {}
        except OSError:
            pass
    raise ConnectionError(f"{PYPI} does not answer.")


def osv(name: str, version: str, weakness: dict[str, Any]) -> dict[str, Any]:
    """Return what PyPI tells of a weakness as OSV would."""
    events = [{"introduced": "0"}, *({"fixed": fixed} for fixed in weakness["fixed_in"])]
    return {
        "id": weakness["id"],
        "aliases": weakness["aliases"],
        "withdrawn": weakness.get("withdrawn"),
        "modified": "1970-01-01T00:00:00Z",
        "details": weakness["details"],
        "affected": [
            {
                "package": {"name": name, "ecosystem": "PyPI"},
                "versions": [version],
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
    }


def audit(requirements: Path, server: ThreadingHTTPServer) -> subprocess.CompletedProcess[str]:
    """Run pip-audit over what a file names, with our server for its database."""
    return subprocess.run(
        [
            *("pip-audit", "--strict", "--no-deps", "--disable-pip", "--progress-spinner", "off"),
            *("--vulnerability-service", "osv", "--timeout", "120"),
            *("--osv-url", f"http://127.0.0.1:{server.server_port}/v1/query"),
            *("--requirement", str(requirements)),
        ],
        capture_output=True,
        text=True,
    )


def rounds(locked: str) -> list[str]:
    """Return what is locked for any Python, in files that name nothing twice: pip-audit wants that.

    It also leaves out what a marker says is for another Python than the one it runs on.
    """
    pins = re.findall(r"^[^\s;]+==[^\s;]+", locked, re.MULTILINE)
    by_name = [list(same) for _name, same in groupby(pins, lambda pin: pin.partition("==")[0])]
    return ["\n".join(filter(None, pins)) for pins in zip_longest(*by_name)]


def main() -> int:
    """Print what is known; return 1 if anything is."""
    with (
        tempfile.TemporaryDirectory() as directory,
        ThreadingHTTPServer(("127.0.0.1", 0), Advisories) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        bait = audit(BAIT, server)
        found = []
        Advisories.asked.clear()
        for number, text in enumerate(rounds(LOCKED.read_text())):
            path = Path(directory, f"{number}.txt")
            path.write_text(text)
            found.append(audit(path, server))
        server.shutdown()
    if bait.returncode == 0 or "PYSEC-2018-97" not in bait.stdout:
        print(f"{BAIT} was not caught.\n{bait.stdout}{bait.stderr}")
        return 1
    if failed := [said.stdout + said.stderr for said in found if said.returncode]:
        print("\n".join(failed))
        return 1
    answered = Advisories.asked - Advisories.unanswered
    print(f"1 bait caught, nothing known of {len(answered)} releases.")
    if Advisories.unanswered:
        print("Not answered from here:", ", ".join(sorted(Advisories.unanswered)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
