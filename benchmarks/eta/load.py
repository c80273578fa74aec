"""The load: phases of arrivals, and what the provider does meanwhile. Pure."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SLOTS = 8
MIXED = (1, 3, 5, 5, 5, 8, 8, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """`burst` jobs at once, then `per_second` of them at random for so many seconds.

    The provider takes `latency` seconds and up to `jitter` more; `faults` are scripted at first.
    """

    name: str
    seconds: float
    per_second: float
    latency: float = 1.0
    jitter: float = 0.6
    burst: int = 0
    priorities: tuple[int, ...] = (5,)
    faults: tuple[dict[str, Any], ...] = field(default=())


PAUSE = {"fault": "rate_limit", "times": 3, "retryAfter": 8}
PHASES = (
    Phase(name="calm", seconds=40, per_second=3.5),
    Phase(name="burst", seconds=40, per_second=2, burst=150),
    Phase(name="mixed priorities", seconds=45, per_second=6.5, burst=40, priorities=MIXED),
    Phase(name="slow-down", seconds=45, per_second=2.2, latency=2.5, jitter=1.5),
    Phase(name="slow burst", seconds=40, per_second=0.5, latency=2.5, jitter=1.5, burst=60),
    Phase(name="429 pause", seconds=40, per_second=4, faults=(PAUSE,)),
    Phase(name="second burst", seconds=30, per_second=2, burst=120, priorities=MIXED),
)


def arrivals(phase: Phase, dice: random.Random) -> Iterator[tuple[float, int]]:
    """When each job comes (seconds from the phase's beginning), and its priority."""
    for _ in range(phase.burst):
        yield 0.0, dice.choice(phase.priorities)
    at = dice.expovariate(phase.per_second)
    while at < phase.seconds:
        yield at, dice.choice(phase.priorities)
        at += dice.expovariate(phase.per_second)
