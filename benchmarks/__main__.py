"""A request for a reset, here and at every peer, in one run.

    python -m benchmarks             # all of it, ten to twenty-five minutes; needs PostgreSQL
    python -m benchmarks --write     # and into README.md and docs/benchmarks.md
    python -m benchmarks --growth    # ours on tables of up to ten million rows
    python -m benchmarks --prepared  # ours on a PostgreSQL that plans each statement once
    python -m benchmarks --short     # a minute on SQLite; fails where ratios or statements do

Each site is set up as its own guide says (`benchmarks/sites`), runs in a process and on a database
of its own, and is asked in turn with the others. `BENCHMARK_POSTGRESQL` names another server than
the one on this machine.
"""

import argparse
import os
import sys
import time
from datetime import datetime

from benchmarks.figures import (
    Figures,
    Stage,
    figures,
    flatness,
    judgement,
    summary,
    table,
    targets,
)
from benchmarks.report import said_now, show, write
from benchmarks.runner import ROOT, measure, running
from benchmarks.sites import SITES

# users, seconds of the mail server, rounds, pairs a round
PLAN = (
    (1_000, 0.0, 60, 10),
    (1_000, 0.03, 12, 5),
    (50_000, 0.0, 30, 10),
    (50_000, 0.03, 8, 5),
)
SHORT_PLAN = ((1_000, 0.0, 15, 10), (1_000, 0.03, 4, 5))
SHORT_SITES = ("floor", "ours", "ours-thread", "ours-sealing", "django", "djoser", "allauth-link")

# name: users, tickets
GROWTH = {
    "1,000 users": (1_000, 0),
    "1,000,000 users": (1_000_000, 0),
    "10,000,000 tickets": (1_000, 10_000_000),
}


def main() -> None:
    """Measure, print, and end with 1 if the short form finds a target missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="what CI runs")
    parser.add_argument("--write", action="store_true", help="into README and docs")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="only this one")
    parser.add_argument("--sites", help="only these, separated by commas; the floor is with them")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of requests")
    parser.add_argument("--growth", action="store_true", help="ours alone, on large tables")
    parser.add_argument(
        "--prepared", action="store_true", help="ours, with OPTIONS for statements planned once"
    )
    options = parser.parse_args()

    names = list(SHORT_SITES if options.short else (n for n in SITES if SITES[n].in_table))
    if options.sites:
        names = ["floor", *options.sites.split(",")]
    vendors = [options.database] if options.database else ["sqlite", "postgresql"]
    if options.short:
        vendors = ["sqlite"]
    if options.growth:
        text = growth(vendors, options.scale)
        show(text)
        if options.write:
            write(ROOT / "docs/benchmarks.md", text, "growth")
        return
    if options.prepared:
        text = prepared(options.scale)
        show(text)
        if options.write:
            write(ROOT / "docs/benchmarks.md", text, "prepared")
        return
    began = time.monotonic()
    stages = []
    for vendor in vendors:
        plan = SHORT_PLAN if options.short else PLAN
        stages += compare(vendor, names, plan, options.scale)
    judged = targets(stages, options.short)
    said = f"{said_now(names)} The run took {time.monotonic() - began:.0f} s."
    parts = [said]
    parts += [f"**{stage.title}**\n\n{table(stage)}" for stage in stages]
    parts.append(judgement(judged))
    show("\n\n".join(parts))
    if options.write:
        write(ROOT / "docs/benchmarks.md", "\n\n".join(parts), "post")
        last = [stage for stage in stages if stage.vendor == vendors[-1]]
        chosen = [stage for stage in last if (stage.users, stage.delay) != (50_000, 0.03)]
        write(ROOT / "README.md", f"{summary(chosen)}\n\n{said}", "post")
    if options.short and not all(target.is_met for target in judged):
        sys.exit(1)


def compare(
    vendor: str, names: list[str], plan: tuple[tuple[int, float, int, int], ...], scale: float
) -> list[Stage]:
    """Measure the sites on one database, under each of the circumstances in turn."""
    stages = []
    with running(vendor, {name: name for name in names}) as processes:
        for users, delay, rounds, pairs in plan:
            progress(f"{vendor}: {users:,} users, mail server of {delay * 1000:.0f} ms")
            for process in processes.values():
                process.tell("prepare", users=users, delay=delay)
            for process in processes.values():
                process.hear()
            counts = {name: process.ask("statements") for name, process in processes.items()}
            measure(processes, max(1, round(rounds * scale)), pairs, more=5 if delay else 1)
            rows = {
                name: figures(process.site, counts[name], process.times)
                for name, process in processes.items()
            }
            stages.append(Stage(vendor, users, delay, rows))
    return stages


def prepared(scale: float) -> str:
    """Return how our requests and the floor's fare where PostgreSQL keeps plans of statements."""
    names = ["floor", *(name for name, site in SITES.items() if site.is_ours and site.in_table)]
    os.environ["BENCHMARK_PREPARED"] = "1"  # for the sites' processes
    [stage] = compare("postgresql", names, PLAN[:1], scale)
    return f"{table(stage)}\n\n{said_now(names)}"


def growth(vendors: list[str], scale: float) -> str:
    """Return how our own request fares as tables grow."""
    parts, judged = [], []
    for vendor in vendors:
        text, targets = flatness(vendor, grow(vendor, scale))
        parts.append(text)
        judged += targets
    return "\n\n".join([*parts, judgement(judged), said_now(["ours"])])


def grow(vendor: str, scale: float) -> dict[str, Figures]:
    """Measure our own site on tables of several sizes; nothing is delivered meanwhile."""
    sites = dict.fromkeys((f"growth {name}" for name in GROWTH), "ours")
    with running(vendor, sites) as processes:
        for process, (users, tickets) in zip(processes.values(), GROWTH.values(), strict=True):
            progress(f"{vendor}: {users:,} users, {tickets:,} tickets")
            process.ask("prepare", users=users, tickets=tickets, settle=False)
        measure(processes, max(1, round(100 * scale)), 10, settle=False)
        # Not settled either: the worker has no index to find a million users by.
        counts = {
            name: process.ask("statements", settle=False) for name, process in processes.items()
        }
        return {
            name.removeprefix("growth "): figures(process.site, counts[name], process.times)
            for name, process in processes.items()
        }


def progress(text: str) -> None:
    sys.stderr.write(f"{datetime.now():%H:%M:%S} {text}\n")


if __name__ == "__main__":
    main()
