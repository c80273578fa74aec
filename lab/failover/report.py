"""The failovers as Markdown and as a picture."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from lab.checker import Findings
from lab.failover.trials import Times, Trial

_SIZE = (960, 360)
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 940, 50, 300
_AXIS_SECONDS = 4.0
_HEAD = """# Failovers of PostgreSQL

`python -m lab.failover {arguments}`: a primary and its synchronous standby (streaming
replication, `fsync=on`) on one machine, a server and three workers with both hosts in
`DATABASE_URL`, and a load that keeps 40 jobs open. All processes of the primary are killed at once;
0.2 to 1.5 s later the standby is promoted, and the dead server comes back as the new standby. Ours
are started once and not touched.

{trials} failovers, {violations} violations: nothing that was acknowledged was lost, nothing paid or
settled twice, by the client's, the provider's and the database's logs. With no violation in
{trials} failovers, fewer than {bound:.0%} of them lead to one, with 95 % confidence.

Requests by HTTP while the primary was dead were answered with {during}, the same requests
afterwards with {afterwards}. From the promotion to the first job that ended: {first}; to 90 % of
the rate before, over one second: {full}.

![seconds from the promotion]({picture})

| failover | dead, s | jobs/s before | first job after, s | full rate after, s | HTTP meanwhile |
| --- | --- | --- | --- | --- | --- |
"""


def write(
    path: Path,
    trials: Sequence[Trial],
    measured: Sequence[Times],
    findings: Findings,
    arguments: str,
) -> None:
    """The report, and beside it a PNG of the same name."""
    picture = path.with_suffix(".png")
    rows = [
        f"| {number} | {trial.promoted - trial.killed:.2f} | {times.rate_before:.0f} "
        f"| {_seconds(times.first)} | {_seconds(times.full)} | {trial.during or 'no answer'} |"
        for number, (trial, times) in enumerate(zip(trials, measured, strict=True), 1)
    ]
    head = _HEAD.format(
        arguments=arguments,
        trials=len(trials),
        violations=len(findings.violations),
        bound=min(1.0, 3 / len(trials)),
        during=_counted([trial.during for trial in trials]),
        afterwards=_counted([trial.afterwards for trial in trials]),
        first=_median_and_most([times.first for times in measured]),
        full=_median_and_most([times.full for times in measured]),
        picture=picture.name,
    )
    violations = [f"- {text}" for text in findings.violations] or ["None."]
    path.write_text(head + "\n".join([*rows, "", "## Violations", "", *violations]) + "\n")
    _draw(picture, measured)


def _seconds(value: float | None) -> str:
    return f"{value:.2f}" if value is not None else "not within 4 s"


def _counted(statuses: Sequence[int | None]) -> str:
    counts = Counter("no answer" if status is None else str(status) for status in statuses)
    return ", ".join(f"{status} ({times} times)" for status, times in sorted(counts.items()))


def _median_and_most(values: Sequence[float | None]) -> str:
    known = sorted(value for value in values if value is not None)
    if not known:
        return "never within 4 s"
    late = len(values) - len(known)
    most = f"at most {known[-1]:.2f} s" if not late else f"{late} not within 4 s"
    return f"median {known[len(known) // 2]:.2f} s, {most}"


def _draw(path: Path, measured: Sequence[Times]) -> None:
    image = Image.new("RGB", _SIZE, "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    width = (_RIGHT - _LEFT) / max(1, len(measured))

    def y_of(seconds: float) -> float:
        return _BOTTOM - min(seconds, _AXIS_SECONDS) / _AXIS_SECONDS * (_BOTTOM - _TOP)

    for number, times in enumerate(measured):
        left = _LEFT + number * width
        for value, color, share in ((times.full, "#90cdf4", 0.8), (times.first, "#2b6cb0", 0.4)):
            if value is not None:
                box = (left + 2, y_of(value), left + width * share, _BOTTOM)
                pen.rectangle(box, fill=color)
        pen.text((left + width / 2, _BOTTOM + 6), str(number + 1), "black", font, anchor="ma")
    pen.line((_LEFT, _TOP, _LEFT, _BOTTOM, _RIGHT, _BOTTOM), fill="black")
    for seconds in range(int(_AXIS_SECONDS) + 1):
        pen.text((_LEFT - 10, y_of(seconds)), f"{seconds} s", "black", font, anchor="rm")
    title = "after each promotion: first job that ended (dark), full rate (light)"
    pen.text((_LEFT, 14), title, "black", font)
    image.save(path)
