"""How long things took, from counts by duration: one pure sum."""

from collections.abc import Mapping
from dataclasses import dataclass

STEPS_TO_DOUBLE = 8
"""Class n holds what took up to 2 ** (n / 8) seconds, and longer than class n - 1."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds that half, nine of ten and 99 of 100 stayed within; None where nothing was counted.

    Each is off by less than a class, which is 9 % wide.
    """

    p50: float | None
    p90: float | None
    p99: float | None
    count: int


def spread(classes: Mapping[int, int]) -> Spread:
    """The quantiles of so many durations by class."""
    count = sum(classes.values())
    if count <= 0:
        return Spread(None, None, None, 0)
    p50, p90, p99 = (_quantile(classes, share * count) for share in (0.5, 0.9, 0.99))
    return Spread(p50, p90, p99, count)


def _quantile(classes: Mapping[int, int], wanted: float) -> float:
    below, last = 0, max(classes)
    for number in sorted(classes):
        inside = classes[number]
        if below + inside >= wanted or number == last:
            share = min(max((wanted - below) / inside, 0.0), 1.0) if inside else 1.0
            return float(2 ** ((number - 1 + share) / STEPS_TO_DOUBLE))
        below += inside
    raise AssertionError("unreachable")
