"""Changes the code by thousands, and counts which changes the tests notice: `make mutants`.

    python -m tests.support.mutation           # half an hour on two cores; goes on where it stopped
    python -m tests.support.mutation --write   # and into CONTRIBUTING.md

What is changed and which tests are run is in pyproject.toml, under ``tool.mutmut``; `mutmut
results` names the changes that nothing noticed, `mutmut show` shows one. Ends with 1 where a part
is below ``LEAST``. A change may make no difference at all; nobody tells those from the others here.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

from tests.support.documentation import ROOT, with_part

PAGE = ROOT / "CONTRIBUTING.md"
LEAST = 90  # percent

PARTS = {
    "tickets": ("tickets.py", "transactions.py", "prepared.py"),
    "links": ("links.py",),
    "passwords": ("passwords/",),
    "parsers of the API": ("api/parsers.py",),
    "limiter": ("throttling.py", "windows.py"),
}

# As mutmut keeps them: every test passed; pytest ran none; mutmut knew that there is none.
PASSED, NONE_RUN = 0, (5, 33)
# Interrupted, skipped, suspicious, killed, crashed: nobody knows. A time-out is noticed.
WITHOUT_VERDICT = (2, 34, 35, -9, -11)


def main() -> None:
    """Run mutmut, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.mutation", description=__doc__)
    parser.add_argument("--write", action="store_true", help="into CONTRIBUTING.md")
    options = parser.parse_args()
    subprocess.run([sys.executable, "-m", "mutmut", "run"], cwd=ROOT, check=True)
    counts = {name: Counter(outcomes(files)) for name, files in PARTS.items()}
    sys.stdout.write(table(counts))
    if options.write:
        PAGE.write_text(with_part(PAGE.read_text(), "mutation", table(counts)))
    if any(score(count) < LEAST for count in counts.values()):
        sys.exit(f"Not every part has {LEAST} %.")


def outcomes(files: tuple[str, ...]) -> Iterator[str]:
    """Yield what became of each change in some files of the app."""
    for path in sorted((ROOT / "mutants/dbconnections").rglob("*.meta")):
        name = path.relative_to(ROOT / "mutants/dbconnections").as_posix()
        if not name.startswith(files):
            continue
        for key, code in json.loads(path.read_text())["exit_code_by_key"].items():
            if code is None or code in WITHOUT_VERDICT:
                sys.exit(f"{key} was not tried to its end: {code}.")
            yield "missed" if code == PASSED else "untested" if code in NONE_RUN else "noticed"


def score(count: Counter[str]) -> int:
    """Return how many changes of a hundred are noticed, whole ones."""
    return 100 * count["noticed"] // max(1, count.total())


def table(counts: dict[str, Counter[str]]) -> str:
    """Return the table in Markdown."""
    lines = ["| | changes | noticed | no test runs them | score |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {count.total()} | {count['noticed']} | {count['untested']} "
        f"| {score(count)} % |"
        for name, count in counts.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
