"""What we know about each Grok model: accepted efforts and prices, as data."""

from dataclasses import dataclass
from decimal import Decimal

EFFORTS = ("none", "low", "medium", "high", "xhigh")
"""Reasoning efforts from the least to the most."""

LONG_CONTEXT_TOKENS = 200_000
"""From this many prompt tokens on, every token of a request costs double."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million tokens. Reasoning is charged at the output price."""

    fresh: Decimal
    cached: Decimal
    output: Decimal


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`efforts` is empty for a model that does not take the parameter."""

    efforts: tuple[str, ...]
    price: Price


def _price(fresh: str, cached: str, output: str) -> Price:
    return Price(Decimal(fresh), Decimal(cached), Decimal(output))


_NEWEST = ModelFacts(("low", "medium", "high", "xhigh"), _price("2.00", "0.50", "6.00"))
_FOURTH = _price("1.25", "0.20", "2.50")
_FACTS = {
    "grok-4.7": _NEWEST,
    "grok-4.6": _NEWEST,
    "grok-4.5": ModelFacts(("low", "medium", "high"), _price("2.00", "0.30", "6.00")),
    "grok-4.3": ModelFacts(("none", "low", "medium", "high"), _FOURTH),
    "grok-4.20": ModelFacts((), _FOURTH),
    "grok-build-0.1": ModelFacts((), _price("1.00", "0.20", "2.00")),
}


def facts(model: str) -> ModelFacts | None:
    """The facts of a model, also under its dated and `-latest` names; None for an unknown one."""
    for name in sorted(_FACTS, key=len, reverse=True):
        if model == name or model.startswith(f"{name}-"):
            return _FACTS[name]
    return None


def accepted_effort(model: str, wanted: str) -> str | None:
    """The accepted effort nearest to the wanted one; None where the parameter must be left out."""
    known = facts(model)
    if known is None or not known.efforts:
        return None
    rank = EFFORTS.index(wanted)
    return min(known.efforts, key=lambda effort: abs(EFFORTS.index(effort) - rank))


def price_of(model: str, *, prompt: int, cached: int, output: int) -> Decimal | None:
    """USD by the price table, `output` with reasoning; None for a model without a price."""
    known = facts(model)
    if known is None:
        return None
    fresh = max(prompt - cached, 0)
    price = known.price
    total = fresh * price.fresh + min(cached, prompt) * price.cached + output * price.output
    factor = 2 if prompt >= LONG_CONTEXT_TOKENS else 1
    return total * factor / 1_000_000
