"""Search the app for what must never be written, and a bait for whether the search works."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BAIT = ROOT / ".ci/bait/flow.py"
APP = ROOT / "dbconnections"

Finding = tuple[int, str]


def ast_grep(path: Path) -> list[tuple[str, Finding]]:
    """Return what our own rules find: file, line and rule."""
    found = []
    for rule in sorted((ROOT / ".ci/rules").glob("*.yml")):
        command = ["ast-grep", "scan", "--rule", str(rule), "--json", str(path)]
        said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout
        found += [
            (match["file"], (match["range"]["start"]["line"] + 1, match["ruleId"]))
            for match in json.loads(said)
        ]
    return found


def bandit(path: Path) -> list[tuple[str, Finding]]:
    """Return what bandit finds; the rest of its rules are among ruff's."""
    command = ["bandit", "--quiet", "--format", "json", "-ll", "--recursive", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout
    results = json.loads(said)["results"]
    return [(result["filename"], (result["line_number"], result["test_id"])) for result in results]


def seeded() -> set[Finding]:
    """Return what the bait holds by its own word."""
    lines = enumerate(BAIT.read_text().splitlines(), start=1)
    return {(number, mark[1]) for number, line in lines if (mark := re.search(r"  # (\S+)$", line))}


def main() -> int:
    """Print what is wrong; return 1 if anything is."""
    caught = {finding for _file, finding in ast_grep(BAIT) + bandit(BAIT)}
    problems = [f"{BAIT}:{line}: {rule} was not caught" for line, rule in seeded() - caught]
    found = ast_grep(APP) + bandit(APP)
    problems += [f"{file}:{line}: {rule}" for file, (line, rule) in found]
    print("\n".join(sorted(problems)) or f"{len(seeded())} baits caught, nothing found.")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
