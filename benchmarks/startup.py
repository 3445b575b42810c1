"""What the app adds to the start of a process that has Django REST framework already.

    python -m benchmarks.startup           # prints the table
    python -m benchmarks.startup --write   # into docs/benchmarks.md

Fresh interpreters with compiled files, with and without the app in turn. The least of CPU time
counts: whatever is above it the machine did. A full garbage collection looks at everything that
Django has made so far, and falls due in whichever app is at hand then; so it stands apart.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from benchmarks.figures import Target, judgement
from benchmarks.report import said_now, show, write
from benchmarks.runner import ROOT

# What is aimed at.
MOST_MS, MOST_MB = 30, 5

WITHOUT, WITH = "benchmarks.sites.drf.settings", "benchmarks.sites.ours.settings"
CODE = """
import gc, json, re, time
import django, rest_framework

full = 0

def note(phase, about):
    global full
    if about["generation"] == 2:
        full += time.process_time_ns() * (1 if phase == "stop" else -1)

gc.callbacks.append(note)
cpu = time.process_time_ns()
django.setup()
cpu = time.process_time_ns() - cpu
memory = int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(json.dumps([(cpu - full) / 1e6, full / 1e6, memory / 1024]))
"""


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args()
    found: dict[str, list[list[float]]] = {WITHOUT: [], WITH: []}
    with tempfile.TemporaryDirectory() as directory:
        for settings in found:
            start(settings, directory)  # compiles
        for _time in range(options.times):
            for settings, results in found.items():
                results.append(start(settings, directory))
    lines = [
        "| `django.setup()` | CPU, ms | and a full garbage collection, ms | memory, MB |",
        "|---|---|---|---|",
    ]
    figures = {
        settings: [
            min(cpu for cpu, _full, _memory in results),
            min(full for _cpu, full, _memory in results),
            statistics.median(memory for _cpu, _full, memory in results),
        ]
        for settings, results in found.items()
    }
    figures["added"] = [b - a for a, b in zip(figures[WITHOUT], figures[WITH], strict=True)]
    rows = {"without the app": WITHOUT, "with it": WITH, "added": "added"}
    for name, row in rows.items():
        cpu, full, memory = figures[row]
        lines.append(f"| {name} | {cpu:.0f} | {full:.0f} | {memory:.1f} |")
    cpu, full, memory = figures["added"]
    judged = [
        Target(f"adds under {MOST_MS} ms", f"{cpu + full:.0f} ms", cpu + full < MOST_MS),
        Target(f"adds under {MOST_MB} MB", f"{memory:.1f} MB", memory < MOST_MB),
    ]
    text = "\n".join([*lines, "", judgement(judged), "", said_now(["ours"])])
    show(text)
    if options.write:
        write(ROOT / "docs/benchmarks.md", text, "startup")


def start(settings: str, directory: str) -> list[float]:
    """Start a process; return CPU milliseconds of the set-up, those of full garbage collections
    in it, and megabytes after it.
    """
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    environment |= {"DJANGO_SETTINGS_MODULE": settings, "PYTHONPYCACHEPREFIX": directory}
    output = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    result: list[float] = json.loads(output)
    return result


if __name__ == "__main__":
    main()
