"""Usage, cost and what is known of the models."""

from decimal import Decimal
from typing import Any

import pytest

from prompt_queue.generation.models import accepted_effort, facts
from prompt_queue.generation.usage import read_usage
from prompt_queue.jobs.outcome import Usage

FULL = {
    "prompt_tokens": 1850,
    "completion_tokens": 96,
    "total_tokens": 2310,
    "prompt_tokens_details": {"text_tokens": 310, "image_tokens": 1540, "cached_tokens": 128},
    "completion_tokens_details": {"reasoning_tokens": 364},
    "cost_in_usd_ticks": 33281000,
}


def cost(usage: dict[str, Any], model: str = "grok-4.3") -> Decimal | None:
    return read_usage({"usage": usage}, model).cost_usd


def test_every_field_is_read() -> None:
    """The cost is the provider's own figure where it gives one."""
    assert read_usage({"usage": FULL}, "grok-4.3") == Usage(
        1850, 96, 364, 1540, 128, Decimal("0.0033281")
    )


def test_without_ticks_the_price_table_counts() -> None:
    """Cached tokens are cheaper, and reasoning beside the completion costs like output."""
    usage = {key: value for key, value in FULL.items() if key != "cost_in_usd_ticks"}
    millionths = (1850 - 128) * Decimal("1.25") + 128 * Decimal("0.20") + 460 * Decimal("2.50")
    assert cost(usage) == millionths / 1_000_000


def test_reasoning_inside_the_completion_is_charged_once() -> None:
    """Where the total shows that reasoning is part of the completion, it is not added again."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500,
             "completion_tokens_details": {"reasoning_tokens": 400}}  # fmt: skip
    assert cost(usage) == (1000 * Decimal("1.25") + 500 * Decimal("2.50")) / 1_000_000


def test_a_long_context_costs_double() -> None:
    """From 200,000 prompt tokens on, every token is dearer."""
    assert cost({"prompt_tokens": 199_999, "completion_tokens": 0}) == Decimal("0.24999875")
    assert cost({"prompt_tokens": 200_000, "completion_tokens": 0}) == Decimal("0.5")


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "x",
        {},
        {"prompt_tokens": None, "prompt_tokens_details": None, "cost_in_usd_ticks": None},
        {"prompt_tokens": -1, "completion_tokens": True, "cost_in_usd_ticks": "5"},
        {"prompt_tokens": 1.5, "completion_tokens": 2**40, "cost_in_usd_ticks": -1},
        {"cost_in_usd_ticks": 10**16},
    ],
)
def test_missing_and_nonsense_fields_are_unknown(usage: object) -> None:
    """The provider may leave out or garble everything."""
    assert read_usage({"usage": usage}, "grok-4.3") == Usage()


@pytest.mark.parametrize("model", ["stand-in:grok-4.7", "gpt-9", ""])
def test_a_model_without_a_price_has_no_cost(model: str) -> None:
    """The stand-in is never priced as if it were Grok."""
    assert cost({"prompt_tokens": 10, "completion_tokens": 10}, model) is None


@pytest.mark.parametrize(
    ("model", "wanted", "effort"),
    [
        ("grok-4.7", "low", "low"),
        ("grok-4.7", "none", "low"),
        ("grok-4.7-latest", "xhigh", "xhigh"),
        ("grok-4.5", "none", "low"),
        ("grok-4.5", "xhigh", "high"),
        ("grok-4.3", "none", "none"),
        ("grok-4.3", "xhigh", "high"),
        ("grok-4.20-0309-non-reasoning", "low", None),
        ("grok-4.20-0309-reasoning", "low", None),
        ("grok-99", "low", None),
    ],
)
def test_the_effort_is_one_that_the_model_takes(
    model: str, wanted: str, effort: str | None
) -> None:
    """The nearest accepted effort is sent, and none where the parameter would be an error."""
    assert accepted_effort(model, wanted) == effort


def test_dated_names_have_the_facts_of_their_model() -> None:
    """A dated name is not an unknown model, and a longer number is not a dated name."""
    assert facts("grok-4.3-20260430") is facts("grok-4.3")
    assert facts("grok-4.30") is None
