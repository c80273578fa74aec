"""Results as Markdown, and the recovery times as a picture."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from lab.campaign import Result
from lab.checker import Findings
from lab.plot import draw
from lab.rig import LEASE_SECONDS

PROMISED_SECONDS = 1.25 * LEASE_SECONDS
_TIMES = ("recoveries", "restarts")
_KINDS = tuple(kind.name for kind in fields(Findings) if kind.name not in _TIMES)
_HEAD = (
    "fault", "hits", "jobs", "requests", "violations", "upper 95 % bound",
    "recovery, s: p50 / p99 / max", "p99 within 1.25 L", "after a restart, s",
)  # fmt: skip
_INTRO = """# The fault laboratory's report

`{command}`, seed {seed}, {minutes:.1f} minutes. PostgreSQL with `fsync=on`; lease L = {lease:g} s.

| all kinds together | |
| --- | --- |
| faults that hit | {hits} |
| jobs | {jobs} |
| requests that reached the provider | {calls} |
| violations | {violations}: {kinds} |
| upper 95 % bound of the share of faults that lead to a violation | {bound} |
| recovery: p50 / p99 / max of {recoveries} | {recovery} |
| recovery: is p99 within 1.25 L = {promised:g} s? | {verdict} |
| after a restart of PostgreSQL: p50 / p99 / max of {restarts} | {restart} |

Failovers from a primary to its synchronous standby have [a page of their own](failover.md), and so
have [cut and slow links between hosts](hosts.md).

Each line below is a world of its own. Faults are injected under load until enough have hit; one
that missed is not counted. Then healthy workers drain the queue, and the client's history, the
provider's log and the database's audit are compared.

The bound is 3/N: with no violation in N faults, fewer than this share of them leads to one.
Recovery is the time from a worker's death, freeze or stall to the next claim of each job it held,
which has to wait for the lease to run out. After a restart it is the time from when PostgreSQL
accepts connections to the next job that becomes final. A surprise is an error that the product
has no name for.
"""


def write(path: Path, results: Sequence[Result], command: str, seed: int) -> None:
    """The report, and beside it a PNG of the same name."""
    recoveries = [seconds for result in results for seconds in result.findings.recoveries]
    restarts = [seconds for result in results for seconds in result.findings.restarts]
    hits = sum(result.trials for result in results)
    found = {kind: sum(len(getattr(r.findings, kind)) for r in results) for kind in _KINDS}
    intro = _INTRO.format(
        command=command,
        seed=seed,
        minutes=sum(result.seconds for result in results) / 60,
        lease=LEASE_SECONDS,
        hits=hits,
        jobs=sum(result.jobs for result in results),
        calls=sum(result.calls for result in results),
        violations=sum(found.values()),
        kinds=", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in found.items()),
        bound=_bound(hits, sum(found.values())),
        recoveries=len(recoveries),
        recovery=_spread(recoveries),
        promised=PROMISED_SECONDS,
        verdict=_verdict(recoveries),
        restarts=len(restarts),
        restart=_spread(restarts),
    )
    picture = path.with_suffix(".png")
    draw(picture, recoveries, LEASE_SECONDS, PROMISED_SECONDS)
    parts = [
        intro,
        _line(_HEAD),
        _line(["---"] * len(_HEAD)),
        *map(_row, results),
        f"\n![{len(recoveries)} recovery times]({picture.name})",
        "\n## Where they hit\n",
        *([_places(result) for result in results if result.hits] or ["One place a kind."]),
        "\n## Violations\n",
        *(_violations(results) or ["None."]),
    ]
    path.write_text("\n".join(parts) + "\n")


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies, by rank."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _row(result: Result) -> str:
    found = result.findings
    violations = len(found.violations)
    return _line(
        [
            result.kind,
            _hits(result),
            str(result.jobs),
            str(result.calls),
            str(violations),
            _bound(result.trials, violations),
            _spread(found.recoveries),
            _verdict(found.recoveries),
            _spread(found.restarts),
        ]
    )


def _hits(result: Result) -> str:
    short = f" of {result.wanted} wanted" if result.trials < result.wanted else ""
    return f"{result.trials}{short}"


def _bound(hits: int, violations: int) -> str:
    return f"{min(1.0, 3 / hits):.2%}" if hits and not violations else "-"


def _spread(times: Sequence[float]) -> str:
    if not times:
        return "-"
    return f"{quantile(times, 0.5):.2f} / {quantile(times, 0.99):.2f} / {max(times):.2f}"


def _verdict(times: Sequence[float]) -> str:
    if not times:
        return "-"
    late = sum(seconds > PROMISED_SECONDS for seconds in times)
    return f"{'yes' if quantile(times, 0.99) <= PROMISED_SECONDS else 'no'}, {late} took longer"


def _places(result: Result) -> str:
    return f"- {result.kind}: {', '.join(f'{place} {n}' for place, n in result.hits.items())}"


def _violations(results: Sequence[Result]) -> list[str]:
    return [
        f"- {result.kind}: {text}" + (f" ({times} times)" if times > 1 else "")
        for result in results
        for text, times in Counter(result.findings.violations).items()
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
