"""What xAI lets an account send: presets by tier, and how a limit is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Tier = Literal["T0", "T1", "T2", "T3", "T4"]
"""By what was spent since 2026-01-01: 0, 50, 250, 1,000, 5,000 USD."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Of one model. `tokens_per_minute` None: tokens are not limited."""

    requests_per_second: float
    tokens_per_minute: float | None = None


class LimitUnreadable(ValueError):
    """A limit that cannot be taken; the text says what to write."""


Level = Literal["none", "bronze", "silver", "gold", "ultra"]
"""Of a WaveSpeed account (https://wavespeed.ai/docs, "Account levels")."""

# Pictures a minute, and at once.
_LEVELS: Final[Mapping[Level, tuple[float, int]]] = {
    "bronze": (10, 3),
    "silver": (500, 100),
    "gold": (3000, 2000),
    "ultra": (5000, 5000),
}


def picture_limits(level: Level) -> tuple[Limit | None, int | None]:
    """What a level lets an account send, and how many pictures may be there at once."""
    if level not in _LEVELS:
        return None, None
    a_minute, at_once = _LEVELS[level]
    return Limit(a_minute / 60), at_once


_TIERS: Final[tuple[Tier, ...]] = ("T0", "T1", "T2", "T3", "T4")
_MILLION: Final = 1_000_000
# From xAI's page on rate limits as of October 2026: models by the beginning of their names.
_PRESETS: Final[Mapping[tuple[str, ...], tuple[Sequence[float], Sequence[float]]]] = {
    ("grok-4.5", "grok-4.6", "grok-4.7"): ((150, 172, 208, 312, 500), (50, 53, 60, 74, 100)),
    ("grok-4.20-multi-agent",): ((9, 12, 18, 31, 56), (2.5, 3.7, 6.2, 11, 21)),
    ("grok-4.3", "grok-4.20", "grok-build-0.1"): ((37, 50, 75, 125, 208), (10, 15, 25, 45, 85)),
}


def preset(model: str, tier: Tier) -> Limit | None:
    """The limit of a model in a tier; None for a model that the page does not name."""
    place = _TIERS.index(tier)
    for beginnings, (requests, millions) in _PRESETS.items():
        if model.startswith(beginnings):
            return Limit(requests[place], millions[place] * _MILLION)
    return None


def read_limit(entry: str) -> tuple[str, Limit | None]:
    """`grok-4.7=30`, `grok-4.7=30/1000000` or `grok-4.7=none`. Raises LimitUnreadable."""
    model, equals, value = (part.strip() for part in entry.partition("="))
    requests, _, tokens = value.partition("/")
    try:
        if not model or not equals:
            raise ValueError
        if value == "none":
            return model, None
        limit = Limit(float(requests), float(tokens) if tokens else None)
    except ValueError:
        limit = Limit(0)
    tokens_a_minute = 1.0 if limit.tokens_per_minute is None else limit.tokens_per_minute
    if not 0 < limit.requests_per_second < _MILLION or not 0 < tokens_a_minute < 1e12:
        raise LimitUnreadable(
            f"{entry!r} must be a model, requests a second and, if you like, tokens a minute, for "
            "example grok-4.7=30/1000000, or grok-4.7=none"
        )
    return model, limit


def limits_of(
    models: Sequence[str], tier: Tier | None, overrides: Sequence[str]
) -> dict[str, Limit | None]:
    """The limit of each model: the override, else the preset of the tier, else none."""
    by_hand = dict(read_limit(entry) for entry in overrides)
    return {
        model: by_hand[model] if model in by_hand else (preset(model, tier) if tier else None)
        for model in models
    }
