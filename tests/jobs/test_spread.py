"""Quantiles from counts by class, and attempts from events."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from prompt_queue.jobs.attempts import attempts_of
from prompt_queue.jobs.priority import band, in_words, range_around, read_range
from prompt_queue.jobs.spread import STEPS_TO_DOUBLE, Spread, spread

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_nothing_counted_has_no_quantiles() -> None:
    """None, not zero seconds."""
    assert spread({}) == Spread(None, None, None, 0)


@pytest.mark.parametrize("seconds", [0.02, 0.5, 3.0, 90.0, 4000.0])
def test_a_quantile_is_off_by_less_than_a_class(seconds: float) -> None:
    """All durations alike: each quantile is that duration, give or take 9 %."""
    number = math.ceil(STEPS_TO_DOUBLE * math.log2(seconds))
    found = spread({number: 1000})
    for quantile in (found.p50, found.p90, found.p99):
        assert quantile == pytest.approx(seconds, rel=0.091)


def test_quantiles_stand_where_the_counts_are() -> None:
    """Of 100 durations 89 are about one second, 10 about 16, one about 256."""
    found = spread({0: 89, 32: 10, 64: 1})
    assert found.count == 100
    assert found.p50 == pytest.approx(1, rel=0.1)
    assert found.p90 == pytest.approx(16, rel=0.1)
    assert found.p99 == pytest.approx(16, rel=0.1)


def test_attempts_begin_with_a_claim_and_end_with_what_came_of_it() -> None:
    """Each has the calls that were made before the next one began."""
    calls: list[dict[str, Any]] = [
        {"call_id": uuid4(), "started_at": NOW + timedelta(seconds=s)} for s in (2, 12)
    ]
    events = [
        {"kind": kind, "data": {"worker": worker}, "created_at": NOW + timedelta(seconds=s)}
        for s, kind, worker in (
            (0, "queued", None), (1, "claimed", "a"), (5, "lease_lost", "a"),
            (11, "claimed", "b"), (13, "stale_write_refused", None), (14, "completed", None),
            (15, "following", None),
        )
    ]  # fmt: skip
    found = attempts_of(events, calls)
    assert [(one.number, one.worker, one.outcome) for one in found] == [
        (1, "a", "lease_lost"), (2, "b", "completed")
    ]  # fmt: skip
    assert [one.calls for one in found] == [(calls[0]["call_id"],), (calls[1]["call_id"],)]


def test_bands_in_words_and_numbers() -> None:
    """What is read is what is said, and nothing else is read."""
    assert [band(n) for n in (1, 3, 4, 6, 7, 9, 10)] == [
        "low", "low", "normal", "normal", "high", "high", "critical"
    ]  # fmt: skip
    assert [read_range(text) for text in ("low", "critical", "5", "2-7")] == [
        (1, 3), (10, 10), (5, 5), (2, 7)
    ]  # fmt: skip
    for wrong in ("", "0", "11", "3-1", "1-11", "urgent", "1-2-3", "-1"):
        assert read_range(wrong) is None
    assert (in_words(1, 3), in_words(2, 3)) == ("priorities 1 to 3 (low)", "priorities 2 to 3")
    assert in_words(10, 10) == "priority 10"
    assert range_around(2, {1, 2, 3, 5}) == (1, 3)
    assert range_around(4, {1, 2, 3, 5}) is None
