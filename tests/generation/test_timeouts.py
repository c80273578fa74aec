"""How long a call may take is learned from the calls before it."""

import pytest

from prompt_queue.generation.timeouts import CallTimeouts


def learned(*seconds: float) -> CallTimeouts:
    timeouts = CallTimeouts(10.0, 100.0)
    for taken in seconds:
        timeouts.answered("grok", taken)
    return timeouts


def test_an_unknown_model_gets_the_least_and_more_with_each_retry() -> None:
    """Half as much again each time, and never more than the most."""
    timeouts = learned(*[50.0] * 19)
    assert [timeouts.seconds("grok", n) for n in range(4)] == [10.0, 15.0, 22.5, 33.75]
    assert timeouts.seconds("grok", 6) == 100.0
    assert timeouts.seconds("grok", 100_000) == 100.0


def test_a_slow_model_gets_half_as_much_again_as_its_slowest_hundredth() -> None:
    """Twenty answers are enough to know; others know nothing of it."""
    timeouts = learned(*[1.0] * 19, 20.0)
    assert timeouts.seconds("grok") == 30.0
    assert timeouts.seconds("grok", 1) == 45.0
    assert timeouts.seconds("another") == 10.0


def test_one_slow_answer_in_two_hundred_is_no_rule() -> None:
    """The percentile is the second slowest of 200 from below."""
    timeouts = learned(60.0, 12.0, 12.0, *[1.0] * 197)
    assert timeouts.slowest_hundredth("grok") == 12.0
    assert timeouts.seconds("grok") == 18.0


def test_what_is_long_past_is_forgotten() -> None:
    """A model that became fast is not waited for as long as before."""
    timeouts = learned(*[60.0] * 50)
    assert timeouts.seconds("grok") == 90.0
    for _ in range(200):
        timeouts.answered("grok", 1.0)
    assert timeouts.seconds("grok") == 10.0


@pytest.mark.parametrize("retries", [0, 3])
def test_a_most_below_the_least_is_the_least(retries: int) -> None:
    """Whoever raises only the least is understood."""
    assert CallTimeouts(20.0, 5.0).seconds("grok", retries) == 20.0
