"""The primary dies, its standby is promoted, and ours go on by themselves."""

from lab.failover.__main__ import run
from lab.failover.trials import Times, Trial, times

TRIAL = Trial(killed=100.0, promoted=101.0, during=202, afterwards=202)
STEADY = [98.0 + n / 10 for n in range(20)]


async def test_a_failover_loses_nothing_and_needs_no_hand() -> None:
    """A server and workers that were started with both hosts find the new primary."""
    (trial,), (measured,), findings = await run(1, 1)
    assert findings.violations == []
    assert trial.afterwards == 202
    assert measured.first is not None


def test_the_rate_is_full_when_a_whole_second_is() -> None:
    """Ten a second before; after the promotion one, and from the third second on ten again."""
    after = [101.5] + [103.0 + n / 10 for n in range(20)]
    assert times(TRIAL, STEADY + after) == Times(10.0, 0.5, 2.0)


def test_a_queue_that_does_not_go_on_has_no_times() -> None:
    assert times(TRIAL, STEADY) == Times(10.0, None, None)


def test_half_the_rate_is_not_the_full_rate() -> None:
    after = [101.0 + n / 5 for n in range(20)]
    assert times(TRIAL, STEADY + after) == Times(10.0, 0.0, None)
