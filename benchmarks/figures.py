"""What was measured, as figures, tables and a judgement of the targets."""

import statistics
from dataclasses import dataclass
from typing import Any

from benchmarks.runner import Times
from benchmarks.sites import SITES, Site


@dataclass(frozen=True)
class Figures:
    """Of one site under one set of circumstances; times in milliseconds."""

    site: Site
    counts: dict[str, dict[str, int]]
    wall: dict[str, float]
    wall95: dict[str, float]
    cpu: dict[str, float]
    cpu95: dict[str, float]

    @property
    def ratio(self) -> float:
        """How a user's request compares with a stranger's."""
        return self.wall["known"] / self.wall["unknown"]

    @property
    def cpu_ratio(self) -> float:
        return self.cpu["known"] / self.cpu["unknown"]


def figures(site: Site, counts: dict[str, dict[str, int]], times: Times) -> Figures:
    """Return medians and 95th percentiles."""

    def of(index: int, percent: int) -> dict[str, float]:
        return {
            case: statistics.quantiles([pair[index] for pair in pairs], n=100)[percent - 1] / 1e6
            for case, pairs in times.items()
        }

    return Figures(site, counts, of(0, 50), of(0, 95), of(1, 50), of(1, 95))


@dataclass(frozen=True)
class Stage:
    """Circumstances and what was measured under them."""

    vendor: str
    users: int
    delay: float
    rows: dict[str, Figures]

    @property
    def title(self) -> str:
        mail = f"a mail server that takes {self.delay * 1000:.0f} ms" if self.delay else ""
        mail = mail or "a mail server that takes no time"
        return f"{VENDORS[self.vendor]}, {self.users:,} users, {mail}"

    def honest(self) -> list[Figures]:
        """Return the peers that write to nobody but their users."""
        return [row for row in self.peers() if not row.site.mails_strangers]

    def peers(self) -> list[Figures]:
        names = [name for name in self.rows if name != "floor" and not SITES[name].is_ours]
        return [self.rows[name] for name in names]


VENDORS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def pair(counts: dict[str, dict[str, int]], what: str) -> str:
    known, unknown = counts["known"][what], counts["unknown"][what]
    return str(known) if known == unknown else f"{known} / {unknown}"


def table(stage: Stage) -> str:
    """Return a stage in Markdown."""
    floor = stage.rows["floor"]
    lines = [
        "| | statements | of them writes | mails | known, ms (p95) | unknown, ms (p95) "
        "| CPU known (p95) | CPU unknown (p95) | known / unknown | × floor |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in stage.rows.values():
        cells = [
            row.site.label,
            pair(row.counts, "statements"),
            pair(row.counts, "writes"),
            pair(row.counts, "mails"),
            *(f"{row.wall[case]:.2f} ({row.wall95[case]:.2f})" for case in row.wall),
            *(f"{row.cpu[case]:.2f} ({row.cpu95[case]:.2f})" for case in row.cpu),
            f"{row.ratio:.2f}",
            f"{row.wall['known'] / floor.wall['known']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def summary(stages: list[Stage]) -> str:
    """Return the README's table: a user's request and how it compares with a stranger's."""
    titles = []
    for stage in stages:
        mail = f", mail server of {stage.delay * 1000:.0f} ms" if stage.delay else ""
        titles.append(f"{stage.users:,} users{mail}")
    lines = [
        f"| | statements | {' | '.join(titles)} |",
        f"|---|---|{'---|' * len(titles)}",
    ]
    for name, row in stages[0].rows.items():
        cells = [row.site.label, pair(row.counts, "statements")]
        for stage in stages:
            figure = stage.rows[name]
            cells.append(f"{figure.wall['known']:.1f} ms, {figure.ratio:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Target:
    """Something that is to hold, and whether it does."""

    name: str
    figure: str
    is_met: bool

    def __str__(self) -> str:
        return f"| {self.name} | {self.figure} | {'yes' if self.is_met else '**no**'} |"


def targets(stages: list[Stage], is_short: bool) -> list[Target]:
    """Judge what was measured: statements exactly, times as ratios within one run.

    The short form judges our CPU time, but beside a slow mail server, with margins that a loaded
    machine does not exceed.
    """
    judged = []
    for stage in stages:
        where = f"{VENDORS[stage.vendor]}, {stage.users:,} users"
        floor, honest = stage.rows["floor"], stage.honest()
        for name in ("ours", "ours-thread", "ours-sealing"):
            if name not in stage.rows:
                continue
            row = stage.rows[name]
            label = f"{row.site.label}; {where}, {stage.delay * 1000:.0f} ms"
            counted = [row.counts[case]["statements"] for case in ("known", "unknown")]
            judged.append(Target(f"two statements: {label}", str(counted), counted == [2, 2]))
            ratio = row.cpu_ratio if is_short else row.ratio
            most = 0.25 if is_short else 0.02
            if not (is_short and stage.delay):  # too few of them
                judged.append(
                    Target(
                        f"known and unknown within {most:.0%}: {label}",
                        f"{ratio:.3f}",
                        abs(ratio - 1) <= most,
                    )
                )
            if stage.delay:
                if not honest:
                    continue
                fastest = min(honest, key=lambda peer: peer.wall["known"])
                times = fastest.wall["known"] / row.wall["known"]
                least = 5 if is_short else 25
                judged.append(
                    Target(
                        f"{least} × ahead of the fastest honest peer: {label}",
                        f"{times:.1f} × ({fastest.site.label})",
                        times >= least,
                    )
                )
                continue
            times = (
                row.cpu["known"] / floor.cpu["known"]
                if is_short
                else row.wall["known"] / floor.wall["known"]
            )
            most = 1.6 if is_short else 1.1
            judged.append(
                Target(f"at most {most} × the floor: {label}", f"{times:.2f} ×", times <= most)
            )
            if is_short or not stage.peers():
                continue
            for case in ("known", "unknown"):
                fastest = min(stage.peers(), key=lambda peer: peer.wall[case])
                judged.append(
                    Target(
                        f"ahead of every peer, {case}: {label}",
                        f"{fastest.wall[case] / row.wall[case]:.2f} × ({fastest.site.label})",
                        row.wall[case] < fastest.wall[case],
                    )
                )
    return judged


def flatness(vendor: str, rows: dict[str, Figures]) -> tuple[str, list[Target]]:
    """Return how a request fares as tables grow, in Markdown, and the judgement."""
    first = next(iter(rows.values()))
    lines = [
        f"| {VENDORS[vendor]} | known, ms (p95) | unknown, ms (p95) | of the first |",
        "|---|---|---|---|",
    ]
    judged = []
    for name, row in rows.items():
        # Both kinds of request, which are the same work: twice the sample.
        times = sum(row.wall.values()) / sum(first.wall.values())
        cells = [f"{row.wall[case]:.2f} ({row.wall95[case]:.2f})" for case in row.wall]
        lines.append(f"| {name} | {' | '.join(cells)} | {times:.3f} |")
        if row is not first:
            judged.append(
                Target(
                    f"flat within 5 %: {VENDORS[vendor]}, {name}",
                    f"{times:.3f}",
                    abs(times - 1) <= 0.05,
                )
            )
    return "\n".join(lines), judged


def judgement(judged: list[Target]) -> str:
    """Return targets in Markdown."""
    return "\n".join(["| target | measured | met |", "|---|---|---|", *map(str, judged)])


def versions(sites: list[str]) -> str:
    """Name what was measured, by version."""
    import platform
    from importlib.metadata import version

    names: dict[str, Any] = {"Django": None, "djangorestframework": None}
    for site in sites:
        names |= dict.fromkeys(SITES[site].distributions)
    said = [f"{name} {version(name)}" for name in names]
    return ", ".join([f"Python {platform.python_version()}", *said])
