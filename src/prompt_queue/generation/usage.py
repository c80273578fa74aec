"""What a reply says that it used and cost: pure, and ready for every missing field."""

from decimal import Decimal
from typing import Any

from prompt_queue.generation.models import price_of
from prompt_queue.jobs.outcome import Usage

TICKS_PER_USD = 10_000_000_000
_MOST_TICKS = 1_000_000 * TICKS_PER_USD
_MOST_TOKENS = 2**31 - 1


def read_usage(body: dict[str, Any], model: str) -> Usage:
    """The usage in a chat reply, the cost by the provider's ticks or else by the price table.

    `model` is the model that answered. Fields that are absent or nonsense become None.
    """
    usage = _branch(body, "usage")
    prompt_details = _branch(usage, "prompt_tokens_details")
    completion_details = _branch(usage, "completion_tokens_details")
    prompt = _count(usage.get("prompt_tokens"))
    completion = _count(usage.get("completion_tokens"))
    reasoning = _count(completion_details.get("reasoning_tokens"))
    cached = _count(prompt_details.get("cached_tokens"))
    cost = _cost_in_ticks(usage.get("cost_in_usd_ticks"))
    if cost is None and prompt is not None and completion is not None:
        output = completion + _reasoning_on_top(usage, prompt, completion, reasoning or 0)
        cost = price_of(model, prompt=prompt, cached=cached or 0, output=output)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        reasoning_tokens=reasoning,
        image_tokens=_count(prompt_details.get("image_tokens")),
        cached_tokens=cached,
        cost_usd=cost,
    )


def _reasoning_on_top(usage: dict[str, Any], prompt: int, completion: int, reasoning: int) -> int:
    """xAI counts reasoning beside the completion; other servers of this shape count it inside."""
    inside = _count(usage.get("total_tokens")) == prompt + completion
    return 0 if inside else reasoning


def _branch(parent: dict[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None


def _cost_in_ticks(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return Decimal(value) / TICKS_PER_USD if 0 <= value < _MOST_TICKS else None
