"""Results as Markdown, and the recovery times as a picture."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from lab.campaign import Result
from lab.rig import LEASE_SECONDS

_KINDS = ("lost", "duplicated", "stale", "final_changed", "paid", "attempts", "surprises")
_HEAD = (
    "fault", "trials", "jobs", "calls", "lost", "duplicated", "stale writes", "final changed",
    "paid bound broken", "attempts bound broken", "surprises", "upper 95 % bound",
    "recovery p50 / p99 / max, s",
)  # fmt: skip
_INTRO = """# The fault laboratory's report

`{command}`, seed {seed}, {minutes:.1f} minutes, {trials} faults, {jobs} jobs, {calls} calls that
reached the provider. PostgreSQL with `fsync=on`; a lease is {lease:g} s.

Each line is a world of its own. Faults are injected under load, then healthy workers drain the
queue, then the client's history, the provider's log and the database's audit are compared.
The upper bound is 3/N: with no violation in N trials, fewer than this share of such faults
leads to one, with 95 % confidence. Recovery is the time from a worker's death or freeze to the
next claim of each job it held, which has to wait for the lease to run out; for a crash of
PostgreSQL, to the first job that becomes final afterwards, be there more crashes in between.
A surprise is an error that the product has no name for.
"""
_WIDTH, _HEIGHT, _EDGE, _BARS = 800, 320, 44, 60


def write(path: Path, results: Sequence[Result], command: str, seed: int) -> None:
    """The report, and beside it a PNG of the same name."""
    recoveries = [seconds for result in results for seconds in result.findings.recoveries]
    intro = _INTRO.format(
        command=command,
        seed=seed,
        minutes=sum(result.seconds for result in results) / 60,
        trials=sum(result.trials for result in results),
        jobs=sum(result.jobs for result in results),
        calls=sum(result.calls for result in results),
        lease=LEASE_SECONDS,
    )
    table = [_line(_HEAD), _line(["---"] * len(_HEAD)), *map(_row, results)]
    violations = [
        f"- {result.kind}: {text}" + (f" ({times} times)" if times > 1 else "")
        for result in results
        for text, times in Counter(result.findings.violations).items()
    ]
    picture = path.with_suffix(".png")
    _draw(picture, recoveries)
    parts = [
        intro,
        "\n".join(table),
        f"\n![{len(recoveries)} recovery times]({picture.name})",
        "\n## Violations\n",
        "\n".join(violations) or "None.",
    ]
    path.write_text("\n".join(parts) + "\n")


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies, by rank."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _row(result: Result) -> str:
    times = result.findings.recoveries
    counts = [str(len(getattr(result.findings, kind))) for kind in _KINDS]
    bound = f"{min(1.0, 3 / result.trials):.1%}" if result.trials else "-"
    if any(map(int, counts)):
        bound = "-"
    recovery = (
        f"{quantile(times, 0.5):.2f} / {quantile(times, 0.99):.2f} / {max(times):.2f}"
        if times
        else "-"
    )
    return _line(
        [result.kind, str(result.trials), str(result.jobs), str(result.calls), *counts, bound,
         recovery]
    )  # fmt: skip


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _draw(path: Path, values: Sequence[float]) -> None:
    """A histogram; the last bar takes in what is beyond the axis."""
    image = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    longest = 3 * LEASE_SECONDS
    counts = [0] * _BARS
    for value in values:
        counts[min(_BARS - 1, max(0, int(value / longest * _BARS)))] += 1
    wide = (_WIDTH - 2 * _EDGE) / _BARS
    tall = (_HEIGHT - 2 * _EDGE) / max(1, *counts)
    floor = _HEIGHT - _EDGE
    for number, count in enumerate(counts):
        left = _EDGE + number * wide
        draw.rectangle((left, floor - count * tall, left + wide - 1, floor), fill="#2b6cb0")
    for leases in range(4):
        x = _EDGE + leases * LEASE_SECONDS / longest * (_WIDTH - 2 * _EDGE)
        draw.line((x, floor, x, floor + 5), fill="black")
        draw.text((x - 6, floor + 8), f"{leases * LEASE_SECONDS:g} s", fill="black")
    draw.line((_EDGE, floor, _WIDTH - _EDGE, floor), fill="black")
    title = f"{len(values)} recovery times; the highest bar is {max(counts)}"
    draw.text((_EDGE, _EDGE // 2), title, fill="black")
    image.save(path)
