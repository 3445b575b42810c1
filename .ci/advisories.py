"""Have pip-audit ask PyPI what weaknesses are known of what we install, and a bait first.

pip-audit asks PyPI for a release by its number. Some mirrors answer for a project only, which
tells of its newest release: so pip-audit asks a server of ours, as it would ask OSV's, and that
asks PyPI one way and then the other. What neither answers is named at the end.

Ends with 1 where a weakness is known, the bait is not caught or PyPI cannot be reached.
"""

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
        self.asked.add(name)
        release = told_of(f"{name}/{version}") or told_of(name)
        if release["info"]["version"] != version:
            self.unanswered.add(f"{name} {version}")
            release["vulnerabilities"] = []
        body = json.dumps({"vulns": [osv(name, version, it) for it in release["vulnerabilities"]]})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: object) -> None:
        pass


def told_of(path: str) -> dict[str, Any]:
    """Return what PyPI tells of a project or a release, nothing where it knows none."""
    for seconds in (1, 5, 20):
        try:
            with urlopen(f"{PYPI}/{path}/json", timeout=20) as response:  # noqa: S310 (is https)
                return json.load(response)
        except HTTPError as error:
            if error.code == 404:
                return {}
        except OSError:
            pass
        time.sleep(seconds)
    raise ConnectionError(f"{PYPI} does not answer.")


def osv(name: str, version: str, weakness: dict[str, Any]) -> dict[str, Any]:
    """Return what PyPI tells of a weakness as OSV would."""
    events = [{"introduced": "0"}, *({"fixed": fixed} for fixed in weakness["fixed_in"])]
    return {
        "id": weakness["id"],
        "aliases": weakness["aliases"],
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
    """Run pip-audit over exactly what a file names."""
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


def main() -> int:
    """Print what is known; return 1 if anything is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Advisories) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        bait = audit(BAIT, server)
        if bait.returncode == 0 or "PYSEC-2018-97" not in bait.stdout:
            print(f"{BAIT} was not caught.\n{bait.stdout}{bait.stderr}")
            return 1
        Advisories.asked.clear()
        found = audit(LOCKED, server)
        server.shutdown()
    if found.returncode:
        print(found.stdout + found.stderr)
        return 1
    print(f"1 bait caught, nothing known of {len(Advisories.asked)} packages.")
    if Advisories.unanswered:
        print("Not answered from here:", ", ".join(sorted(Advisories.unanswered)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
