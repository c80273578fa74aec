"""When a job will begin and end: a pure forecast from order, pace, permits and what is closed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prompt_queue.jobs.calibration import Scored, calibrate

FIRST_GUESS_SECONDS = 10.0
"""Service time that is assumed until one has been measured."""

_PICK_UP_SECONDS = 0.1
_LEAST_SHARE = 0.1
_DOUBT = 0.3
_DOUBT_OF_ARRIVALS = 0.7
_NOISE_SECONDS = 0.3
_P90_OF_NORMAL = 1.2816


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds of one job: `slot` is what it costs of a slot on average, calls under way and failed
    ones included; `median` and `p90` lie between its start and its end."""

    slot: float
    median: float
    p90: float


FIRST_GUESS = Pace(
    slot=FIRST_GUESS_SECONDS, median=FIRST_GUESS_SECONDS, p90=2 * FIRST_GUESS_SECONDS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What decides about waits now.

    `slots` jobs run at once on all living workers, `busy` of them do. `rate` calls a second pass
    the gate (None: no limit). Nothing leaves for another `closed_seconds`. `arrivals` are jobs a
    second by priority.
    """

    slots: int
    busy: int = 0
    pace: Pace = FIRST_GUESS
    rate: float | None = None
    closed_seconds: float = 0.0
    arrivals: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Seconds from now to the start and the end of a job, and how far off that may well be."""

    start: float
    start_spread: float
    done: float
    done_spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Seconds from now by which a job has begun, or ended, in half and in nine of ten cases."""

    start_p50: float
    start_p90: float
    done_p50: float
    done_p90: float


def expect(now: Conditions, ahead: int, priority: int) -> Expectation:
    """A job with `ahead` jobs before it, in a queue that is served in the order of priority.

    More urgent ones that arrive meanwhile pass: what they use of the capacity is gone for those
    that wait, but a tenth is always left, because waiting makes urgent.
    """
    slots = max(now.slots, 1)
    queued_before = max(ahead + 1 - max(slots - now.busy, 0), 0)
    a_slot = now.pace.slot / slots
    by_slots = queued_before * a_slot
    by_rate = ahead / now.rate if now.rate else 0.0
    capacity = 1 / max(a_slot, 1 / now.rate if now.rate else 0.0, 1e-6)
    overtaking = sum(a for other, a in now.arrivals.items() if other > priority)
    left = max(1 - overtaking / capacity, _LEAST_SHARE) if queued_before else 1.0
    undisturbed = max(by_slots, by_rate)
    start = now.closed_seconds + undisturbed / left + _PICK_UP_SECONDS
    service_spread = max(now.pace.p90 - now.pace.median, 0.0) / _P90_OF_NORMAL
    start_spread = math.hypot(
        math.sqrt(queued_before) * max(service_spread, 0.3 * now.pace.slot) / slots,
        _DOUBT * start,
        # Whether more urgent ones go on to arrive like this, nobody knows.
        _DOUBT_OF_ARRIVALS * (undisturbed / left - undisturbed),
        _NOISE_SECONDS,
    )
    return Expectation(
        start=start,
        start_spread=start_spread,
        done=start + now.pace.median,
        done_spread=math.hypot(start_spread, service_spread, _DOUBT * now.pace.median),
    )


def forecast(
    expected: Expectation, start_tests: Sequence[Scored], end_tests: Sequence[Scored]
) -> Forecast:
    """What is promised: the expectation, corrected by earlier tests (the newest first)."""
    starts = calibrate(start_tests, expected.start)
    ends = calibrate(end_tests, expected.done)
    start_p50 = max(expected.start + starts.median * expected.start_spread, 0.0)
    done_p50 = max(expected.done + ends.median * expected.done_spread, start_p50)
    start_p90 = max(expected.start + starts.p90 * expected.start_spread, start_p50)
    service = max(expected.done - expected.start, 0.0)
    done_p90 = max(expected.done + ends.p90 * expected.done_spread, done_p50, start_p90 + service)
    return Forecast(start_p50=start_p50, start_p90=start_p90, done_p50=done_p50, done_p90=done_p90)


def estimated_position(
    above: int, in_lane: int, place_in_lane: float, counted: int, exact_up_to: int
) -> tuple[int, bool]:
    """How many jobs come first, and whether that is a count: it is one up to `exact_up_to`.

    Beyond, `above` jobs are more urgent, and of the `in_lane` equally urgent ones the share
    `place_in_lane` (0 to 1) comes first.
    """
    if counted < exact_up_to:
        return counted, True
    return max(above + round(in_lane * min(max(place_in_lane, 0.0), 1.0)), counted), False
