"""The stand-in's rate limits: what is counted in a fixed, a sliding and a saved-up second."""

import pytest

from prompt_queue.simulator.limiter import Limit, Limiter, Manner
from prompt_queue.testing import StandIn, StandInError


def admitted(limiter: Limiter, times: list[float]) -> list[float]:
    return [at for at in times if limiter.refusal("m", at) is None]


@pytest.mark.parametrize(
    ("manner", "expected"),
    [
        ("fixed", [100.8, 100.9, 101.1, 101.2]),
        ("sliding", [100.8, 100.9, 101.9]),
        ("bucket", [100.8, 100.9, 101.4, 101.9]),
    ],
)
def test_what_two_a_second_lets_pass(manner: Manner, expected: list[float]) -> None:
    """A refused call does not count against the next one."""
    limiter = Limiter(Limit(manner, 2))
    assert admitted(limiter, [100.8, 100.9, 101.1, 101.2, 101.4, 101.7, 101.9]) == expected


def test_tokens_count_when_they_are_known() -> None:
    """A call may begin while anything is left; then the minute has to earn it back."""
    limiter = Limiter(Limit("bucket", 1000, 600))
    assert limiter.refusal("m", 10.0) is None
    limiter.spend("m", 900, 10.0)
    assert limiter.refusal("m", 39.0) == "tokens"
    assert limiter.refusal("other", 39.0) is None
    assert limiter.refusal("m", 40.2) is None


def test_the_settings_route_takes_a_limit_and_says_what_is_wrong(xai_stand_in: StandIn) -> None:
    """And null takes it away."""
    taken = xai_stand_in.settings(limit={"manner": "bucket", "rps": 5})
    assert taken["limit"] == {"manner": "bucket", "rps": 5.0, "tpm": None, "jitter": 0.0}
    for wrong in ({"manner": "loose", "rps": 5}, {"manner": "fixed"}, {"rps": 5}, 7):
        with pytest.raises(StandInError):
            xai_stand_in.settings(limit=wrong)
    assert xai_stand_in.settings(limit=None)["limit"] is None
