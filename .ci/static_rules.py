"""Search the app for what must never be written, and a bait for whether the search works.

Of our own rules the bait proves each part: without one, a line of it is not caught any more.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
BAIT = ROOT / ".ci/bait/flow.py"
APP = ROOT / "dbconnections"
RULES = sorted((ROOT / ".ci/rules").glob("*.yml"))

Finding = tuple[int, str]


def ast_grep(path: Path, rule: str) -> list[tuple[str, Finding]]:
    """Return what a rule of our own finds: file, line and name of the rule."""
    command = ["ast-grep", "scan", "--inline-rules", rule, "--json", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout
    return [
        (match["file"], (match["range"]["start"]["line"] + 1, match["ruleId"]))
        for match in json.loads(said)
    ]


def our_own(path: Path) -> list[tuple[str, Finding]]:
    """Return what our own rules find."""
    return [found for rule in RULES for found in ast_grep(path, rule.read_text())]


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


def parts(rule: Any) -> Iterator[tuple[list[Any], int]]:
    """Return each thing of which a rule finds any, as its place in a list."""
    if isinstance(rule, dict):
        any_of = rule.get("any", [])
        yield from ((any_of, place) for place in range(len(any_of)))
    for part in rule.values() if isinstance(rule, dict) else rule if isinstance(rule, list) else ():
        yield from parts(part)


def unproved(path: Path) -> list[Any]:
    """Return the parts of a rule without which it catches the whole bait."""
    rule = yaml.safe_load(path.read_text())
    everything = set(ast_grep(BAIT, json.dumps(rule)))
    found = []
    for any_of, place in list(parts(rule)):
        part = any_of.pop(place)
        if set(ast_grep(BAIT, json.dumps(rule))) == everything:
            found.append(part)
        any_of.insert(place, part)
    return found


def main() -> int:
    """Print what is wrong; return 1 if anything is."""
    caught = {finding for _file, finding in our_own(BAIT) + bandit(BAIT)}
    problems = [f"{BAIT}:{line}: {rule} was not caught" for line, rule in seeded() - caught]
    problems += [f"{path}: no bait needs {part}" for path in RULES for part in unproved(path)]
    found = our_own(APP) + bandit(APP)
    problems += [f"{file}:{line}: {rule}" for file, (line, rule) in found]
    print("\n".join(sorted(problems)) or f"{len(seeded())} baits caught, nothing found.")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
