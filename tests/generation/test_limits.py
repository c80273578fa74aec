"""Limits of an account: by its tier, by the settings, and how they are written."""

import pytest

from prompt_queue.jobs.limits import Limit, LimitUnreadable, limits_of, preset, read_limit


@pytest.mark.parametrize(
    ("model", "tier", "expected"),
    [
        ("grok-4.7", "T0", Limit(150, 50e6)),
        ("grok-4.5-2026-07-09", "T4", Limit(500, 100e6)),
        ("grok-4.20-0309-reasoning", "T1", Limit(50, 15e6)),
        ("grok-4.20-multi-agent-0309", "T2", Limit(18, 6.2e6)),
        ("grok-9", "T0", None),
    ],
)
def test_the_tiers_of_the_providers_page(model: str, tier: str, expected: Limit | None) -> None:
    """By the beginning of the name; an unknown model has no preset."""
    assert preset(model, tier) == expected


def test_settings_come_before_the_tier() -> None:
    """And where there is no tier, they are all there is."""
    models = ("grok-4.7", "grok-4.6", "grok-4.3")
    overrides = ("grok-4.7=30/1000000", "grok-4.6=none", "grok-other=1")
    assert limits_of(models, "T0", overrides) == {
        "grok-4.7": Limit(30, 1e6), "grok-4.6": None, "grok-4.3": Limit(37, 10e6),
    }  # fmt: skip
    assert limits_of(models, None, ("grok-4.3=2.5",)) == {
        "grok-4.7": None, "grok-4.6": None, "grok-4.3": Limit(2.5),
    }  # fmt: skip


@pytest.mark.parametrize(
    "entry",
    ["grok-4.7", "=5", "grok-4.7=", "m=0", "m=-1", "m=x", "m=5/0", "m=nan", "m=1e9", "m=5/x"],
)
def test_what_is_no_limit_is_refused_with_an_example(entry: str) -> None:
    """The sentence says what to write."""
    with pytest.raises(LimitUnreadable, match=r"for example grok-4\.7=30/1000000"):
        read_limit(entry)
