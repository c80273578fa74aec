"""The models that the stand-in serves, with xAI's prices and reasoning levels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TICKS_PER_USD = 10_000_000_000
LONG_CONTEXT_TOKENS = 200_000
CREATED = 1_772_323_200

REASONING_TOKENS: Mapping[str, int] = {
    "none": 0,
    "low": 364,
    "medium": 512,
    "high": 644,
    "xhigh": 980,
}


@dataclass(frozen=True)
class Model:
    """One model; prices are ticks per token (1e10 ticks are one US dollar)."""

    name: str
    input_ticks: int
    cached_ticks: int
    output_ticks: int
    context_tokens: int
    efforts: tuple[str, ...]
    default_effort: str

    @property
    def reasons(self) -> bool:
        """Whether this is a reasoning model, which refuses penalties and stop sequences."""
        return self.efforts != ("none",)

    @property
    def aliases(self) -> tuple[str, ...]:
        """Further names that a request may use for this model."""
        return (f"{self.name}-latest",)


_WIDE_EFFORTS = ("low", "medium", "high", "xhigh")
_THREE_EFFORTS = ("low", "medium", "high")

MODELS: tuple[Model, ...] = (
    Model("grok-4.7", 20_000, 5_000, 60_000, 500_000, _WIDE_EFFORTS, "high"),
    Model("grok-4.6", 20_000, 5_000, 60_000, 500_000, _WIDE_EFFORTS, "high"),
    Model("grok-4.5", 20_000, 3_000, 60_000, 500_000, _THREE_EFFORTS, "high"),
    Model("grok-4.3", 12_500, 2_000, 25_000, 1_000_000, ("none", *_THREE_EFFORTS), "low"),
    Model("grok-4.20-0309-reasoning", 12_500, 2_000, 25_000, 1_000_000, _THREE_EFFORTS, "low"),
    Model("grok-4.20-0309-non-reasoning", 12_500, 2_000, 25_000, 1_000_000, ("none",), "none"),
)

_BY_NAME = {name: model for model in MODELS for name in (model.name, *model.aliases)}


def find_model(name: str) -> Model | None:
    """Return the model with this name or alias, or None."""
    return _BY_NAME.get(name)


def stand_in_label(name: str) -> str:
    """The ``model`` value of an answer: it names the stand-in before the model it plays."""
    return f"stand-in:{name}"


def as_openai_entry(model: Model) -> dict[str, Any]:
    """The model as an entry of ``/v1/models``."""
    return {
        "id": model.name,
        "object": "model",
        "created": CREATED,
        "owned_by": "stand-in",
        "aliases": list(model.aliases),
        "context_length": model.context_tokens,
        "prompt_text_token_price": model.input_ticks,
        "cached_prompt_text_token_price": model.cached_ticks,
        "completion_text_token_price": model.output_ticks,
        "prompt_image_token_price": model.input_ticks,
        "long_context_threshold": LONG_CONTEXT_TOKENS,
        "capabilities": {
            "reasoning_effort": list(model.efforts),
            "default_reasoning_effort": model.default_effort,
        },
    }


def as_language_model_entry(model: Model) -> dict[str, Any]:
    """The model as an entry of ``/v1/language-models``."""
    return {
        "id": model.name,
        "fingerprint": "stand-in",
        "created": CREATED,
        "object": "model",
        "owned_by": "stand-in",
        "version": "1.0",
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
        "prompt_text_token_price": model.input_ticks,
        "cached_prompt_text_token_price": model.cached_ticks,
        "prompt_image_token_price": model.input_ticks,
        "completion_text_token_price": model.output_ticks,
        "search_price": 0,
        "aliases": list(model.aliases),
    }
