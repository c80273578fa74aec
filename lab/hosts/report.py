"""What the network's faults did, as Markdown and as a picture."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from PIL import Image, ImageDraw, ImageFont

from lab.checker import Findings
from lab.hosts.trials import CUT_SECONDS, KINDS, LEASE_SECONDS, SLOW_SECONDS, Effect, Trial

_SIZE = (960, 400)
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 940, 50, 330
_AXIS = 2.0
_HEAD = """# Cut and slow links between hosts

`python -m lab.hosts {arguments}`: five hosts that are network namespaces (PostgreSQL with
`fsync=on`, a server, three workers), each with a cable of its own to the network of the database,
the workers with a second one to the network of the provider. Each fault lasts {cut:g} s, two leases
of {lease:g} s. A cut cable swallows everything and tells nobody; on a slow one everything takes
{slow:g} s longer, there and back. A load keeps 60 jobs open; ours are started once and not touched.

{trials} faults, {violations} violations: nothing that was acknowledged was lost, nothing paid or
settled twice, by the client's, the provider's and the database's logs. With no violation in
{trials} faults, fewer than {bound:.1%} of them lead to one, with 95 % confidence. The jobs of a
worker that was cut off were claimed by others after {recovery}.

The rest are all workers that were not hit; their rate is claims a second in the 2 s before, and
meanwhile. A worker is back with its first claim after the healing. HTTP was asked when the fault
began, and with the same key after the healing.

"""
_COLUMNS = (
    "fault", "times", "rate of the rest before", "kept meanwhile: median / least",
    "back after, s: median / most", "HTTP meanwhile", "afterwards",
)  # fmt: skip


def write(
    path: Path,
    trials: Sequence[Trial],
    effects: Sequence[Effect],
    findings: Findings,
    arguments: str,
) -> None:
    """The report, and beside it a PNG of the same name."""
    picture = path.with_suffix(".png")
    head = _HEAD.format(
        arguments=arguments,
        cut=CUT_SECONDS,
        lease=LEASE_SECONDS,
        slow=SLOW_SECONDS,
        trials=len(trials),
        violations=len(findings.violations),
        bound=min(1.0, 3 / len(trials)),
        recovery=_median_and_most(findings.recoveries) + " s (median / most)",
    )
    rows = [_line(_COLUMNS), _line(["---"] * len(_COLUMNS))]
    rows += [
        _row(kind, trials, effects) for kind in KINDS if any(trial.kind == kind for trial in trials)
    ]
    violations = [f"- {text}" for text in findings.violations] or ["None."]
    drawn = f"![share of its rate that the rest kept]({picture.name})"
    lines = [*rows, "", drawn, "", "## Violations", "", *violations]
    path.write_text(head + "\n".join(lines) + "\n")
    _draw(picture, trials, effects)


def _row(kind: str, trials: Sequence[Trial], effects: Sequence[Effect]) -> str:
    found = [pair for pair in zip(trials, effects, strict=True) if pair[0].kind == kind]
    kept = [effect.kept for _, effect in found]
    backs = [effect.back for _, effect in found if effect.back is not None]
    cells = (
        kind,
        str(len(found)),
        f"{median(effect.rate_before for _, effect in found):.0f}/s",
        f"{median(kept):.0%} / {min(kept):.0%}",
        _median_and_most(backs),
        _counted([trial.during for trial, _ in found]),
        _counted([trial.afterwards for trial, _ in found]),
    )
    return _line(cells)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _median_and_most(values: Sequence[float]) -> str:
    return f"{median(values):.2f} / {max(values):.2f}" if values else "-"


def _counted(statuses: Sequence[int | None]) -> str:
    counts = Counter("no answer" if status is None else str(status) for status in statuses)
    return ", ".join(f"{status} ({times})" for status, times in sorted(counts.items()))


def _draw(path: Path, trials: Sequence[Trial], effects: Sequence[Effect]) -> None:
    image = Image.new("RGB", _SIZE, "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    width = (_RIGHT - _LEFT) / len(KINDS)

    def y_of(share: float) -> float:
        return _BOTTOM - min(share, _AXIS) / _AXIS * (_BOTTOM - _TOP)

    for share in (0.0, 0.5, 1.0, 1.5, 2.0):
        pen.line((_LEFT, y_of(share), _RIGHT, y_of(share)), fill="#e2e8f0")
        pen.text((_LEFT - 8, y_of(share)), f"{share:.0%}", "black", font, anchor="rm")
    for place, kind in enumerate(KINDS):
        left = _LEFT + place * width
        shares = [e.kept for t, e in zip(trials, effects, strict=True) if t.kind == kind]
        for number, share in enumerate(shares):
            x = left + width * (number + 1) / (len(shares) + 1)
            pen.ellipse((x - 3, y_of(share) - 3, x + 3, y_of(share) + 3), fill="#2b6cb0")
        label = kind.replace(" from ", "\nfrom ").replace(": ", ":\n").replace(" to ", "\nto ")
        pen.multiline_text(
            (left + width / 2, _BOTTOM + 8), label, "black", font, anchor="ma", align="center"
        )
    pen.text((_LEFT, 14), "share of its rate that the rest of the workers kept", "black", font)
    image.save(path)
