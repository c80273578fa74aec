"""Forecasts follow from order, pace, permits and what is closed."""

from dataclasses import asdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from prompt_queue.jobs.calibration import Scored
from prompt_queue.jobs.eta import (
    Conditions,
    Expectation,
    Pace,
    estimated_position,
    expect,
    forecast,
)

PACE = Pace(slot=2.0, median=2.0, p90=3.0)
BUSY = Conditions(slots=4, busy=4, pace=PACE)


def test_a_job_behind_others_waits_for_slots() -> None:
    """Each slot frees itself once a service time; a free one is taken at once."""
    assert expect(Conditions(slots=4, pace=PACE), 3, 5).start < 0.2
    behind = expect(BUSY, 39, 5)
    assert 19 < behind.start < 21
    assert behind.done == behind.start + 2.0


def test_the_gate_may_be_slower_than_the_slots() -> None:
    assert 39 < expect(Conditions(slots=100, pace=PACE, rate=1.0), 40, 5).start < 41
    assert expect(Conditions(slots=100, pace=PACE, rate=1000.0), 40, 5).start < 1


def test_what_is_closed_is_waited_for() -> None:
    closed = Conditions(slots=4, busy=4, pace=PACE, closed_seconds=30)
    assert expect(closed, 0, 5).start - expect(BUSY, 0, 5).start == 30


def test_more_urgent_ones_that_arrive_pass() -> None:
    """But never so many that nothing is left: waiting makes urgent."""
    half = Conditions(slots=4, busy=4, pace=PACE, arrivals={8: 1.0, 2: 50.0})
    assert 1.9 < expect(half, 39, 5).start / expect(BUSY, 39, 5).start < 2.1
    assert expect(half, 39, 9) == expect(BUSY, 39, 9)
    flood = Conditions(slots=4, busy=4, pace=PACE, arrivals={8: 100.0})
    assert expect(flood, 39, 5).start < 11 * expect(BUSY, 39, 5).start


@given(
    st.integers(0, 10_000), st.integers(1, 10), st.integers(0, 300), st.integers(0, 300),
    st.floats(0.01, 600), st.floats(0, 3), st.none() | st.floats(0.01, 1000), st.floats(0, 1e5),
    st.lists(st.tuples(st.floats(0, 1e5), st.floats(-1e3, 1e3), st.booleans()), max_size=80),
)  # fmt: skip
def test_a_forecast_is_in_order_whatever_was_learned(
    ahead: int, priority: int, slots: int, busy: int, slot: float, spread: float,
    rate: float | None, closed: float, tests: list[tuple[float, float, bool]],
) -> None:  # fmt: skip
    """Nothing is promised for the past, and nine of ten take at least as long as half of them."""
    pace = Pace(slot=slot, median=slot, p90=slot * (1 + spread))
    now = Conditions(slots=slots, busy=busy, pace=pace, rate=rate, closed_seconds=closed)
    learned = [Scored(*test) for test in tests]
    found = asdict(forecast(expect(now, ahead, priority), learned, learned))
    assert 0 <= found["start_p50"] <= found["start_p90"] <= found["done_p90"]
    assert found["start_p50"] <= found["done_p50"] <= found["done_p90"]


def test_who_stands_further_back_waits_longer() -> None:
    starts = [expect(BUSY, ahead, 5).start for ahead in (0, 1, 10, 100, 1000)]
    assert all(nearer < further for nearer, further in pairwise(starts))


def test_what_was_learned_moves_and_widens() -> None:
    """By spreads: starts came a spread later than expected, ends a spread sooner."""
    expected = Expectation(start=10, start_spread=2, done=20, done_spread=4)
    starts, ends = [Scored(10, 1.0, kept=True)] * 60, [Scored(20, -1.0, kept=True)] * 60
    found = asdict(forecast(expected, starts, ends))
    assert found == {"start_p50": 12, "start_p90": 12, "done_p50": 16, "done_p90": 22}
    believed = forecast(expected, [], [])
    assert (round(believed.start_p50), round(believed.done_p50)) == (10, 20)
    assert 12 < believed.start_p90 < 14


def test_a_position_is_counted_up_to_a_thousand_and_estimated_beyond() -> None:
    assert estimated_position(5000, 900, 0.5, 999, 1000) == (999, True)
    assert estimated_position(5000, 900, 0.5, 1000, 1000) == (5450, False)
    assert estimated_position(0, 0, 0.0, 1000, 1000) == (1000, False)
