"""How earlier promises turned out, and what follows for the next: conformal prediction.

An error is (what happened - what was expected) / spread. The quantiles of the errors of promises
about waits of a similar length replace those of a bell curve; the level of the upper one follows
the misses (Gibbs and Candes, "Adaptive conformal inference under distribution shift", 2021), so
that it widens when it was wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import NormalDist
from typing import Final

GOAL: Final = 0.92
"""A little more than nine of ten, because what is learned is always of before."""

REMEMBERED: Final = 300
"""So many promises are looked at, the newest."""

_ALIKE = 2.5
_NEAREST = 60
_STEP = 0.03
_LEVELS = (0.85, 0.985)
# One shock that nobody could foresee does not stretch everything after it without end.
_FURTHEST = 5.0
_BELIEFS = tuple(NormalDist().inv_cdf((i + 0.5) / 16) for i in range(16))


@dataclass(frozen=True, slots=True)
class Scored:
    """A promise about a wait of `expected` seconds that has been put to the test."""

    expected: float
    error: float
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """By how many spreads the middle and the ninth tenth lie off the expectation."""

    median: float = 0.0
    p90: float = NormalDist().inv_cdf(GOAL)


def calibrate(newest_first: Sequence[Scored], expected: float) -> Calibration:
    """What to correct a wait of `expected` seconds by; the less is known, the more is believed."""
    shortest, longest = (expected + 1) / _ALIKE - 1, (expected + 1) * _ALIKE - 1
    remembered = islice(newest_first, REMEMBERED)
    alike = list(islice((one for one in remembered if shortest < one.expected < longest), _NEAREST))
    level = GOAL
    for one in reversed(alike):
        level += _STEP * (GOAL - 1 if one.kept else GOAL)
        level = min(max(level, _LEVELS[0]), _LEVELS[1])
    beliefs = _BELIEFS[len(alike) % 2 :: 2] if len(alike) > len(_BELIEFS) else _BELIEFS
    errors = sorted(
        [min(max(one.error, -_FURTHEST), _FURTHEST) for one in alike]
        + list(beliefs if len(alike) < _NEAREST else ())
    )
    return Calibration(median=_quantile(errors, 0.5), p90=_quantile(errors, level))


def _quantile(ordered: Sequence[float], level: float) -> float:
    place = level * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
