"""What was seen each second, and what follows from it. Pure."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.queue.results import Verdict, quantile


class Phase(StrEnum):
    """Where in the run a second lies."""

    BEFORE = "before"
    HELD = "snapshot held"
    AFTER = "after"


def phase_at(second: float, around: float, hold: float) -> Phase:
    """`around` seconds before the snapshot, `hold` with it, and all that comes later."""
    if second < around:
        return Phase.BEFORE
    return Phase.HELD if second < around + hold else Phase.AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One second: claims in ms, memory in MB, counts of the rest."""

    second: float
    phase: Phase
    claims: tuple[float, ...]
    backlog: int
    memory: float
    descriptors: int
    connections: int
    dead_rows: int
    handled: int


def claim_quantile(samples: Sequence[Sample], phase: Phase, share: float) -> float | None:
    """Of all claims of a phase, in ms; None where there were none."""
    claims = [claim for s in samples if s.phase is phase for claim in s.claims]
    return quantile(claims, share) if claims else None


def settled(samples: Sequence[Sample], phase: Phase) -> list[Sample]:
    """The second half of a phase, when whatever began with it has calmed down."""
    of_phase = [sample for sample in samples if sample.phase is phase]
    return of_phase[len(of_phase) // 2 :]


def growth(samples: Sequence[Sample], read: Callable[[Sample], float]) -> float | None:
    """The level at the end by the level before the snapshot; 1 is flat."""
    levels = [
        statistics.median(map(read, found)) if (found := settled(samples, phase)) else None
        for phase in (Phase.BEFORE, Phase.AFTER)
    ]
    if levels[0] is None or levels[1] is None:
        return None
    return levels[1] / max(levels[0], 1.0)


def verdicts(samples: Sequence[Sample], lost: int) -> list[Verdict]:
    """The goals of a soak; `lost` jobs never came to an end."""

    def slower(phase: Phase) -> float | None:
        one = claim_quantile(samples, phase, 0.99)
        first = claim_quantile(samples, Phase.BEFORE, 0.99)
        return None if one is None or not first else one / first

    figures = [
        ("claim p99, snapshot held / before", slower(Phase.HELD), 2.0),
        ("claim p99, after / before", slower(Phase.AFTER), 2.0),
        ("memory, after / before", growth(samples, lambda s: s.memory), 1.05),
        ("file descriptors, after / before", growth(samples, lambda s: s.descriptors), 1.1),
        ("connections, after / before", growth(samples, lambda s: s.connections), 1.1),
        ("dead rows, after / before", growth(samples, lambda s: s.dead_rows), 2.0),
        ("jobs without an end", float(lost), 0.0),
    ]
    return [Verdict(name, bound, figure, at_most=True) for name, figure, bound in figures]
