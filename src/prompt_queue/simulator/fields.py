"""Checks of the plain fields of a chat request: sampling, limits, what is not supported. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prompt_queue.simulator import errors
from prompt_queue.simulator.catalogue import Model

MAX_ANSWERS = 16


@dataclass(frozen=True)
class Sampling:
    """The plain fields that shape an answer; ``max_tokens`` caps the visible text."""

    answers: int
    max_tokens: int | None
    priority_tier: bool
    streams: bool
    streams_usage: bool


def optional_text(payload: Mapping[str, Any], name: str) -> str | None:
    """Return a string field, None when absent or null.

    Raises `errors.ApiError` (422) for any other type.
    """
    value = payload.get(name)
    if value is not None and not isinstance(value, str):
        raise errors.wrong_shape(f"{name}: expected a string")
    return value


def _number(payload: Mapping[str, Any], name: str, low: float, high: float) -> None:
    value = payload.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise errors.wrong_shape(f"{name}: expected a number")
    if not low <= value <= high:
        raise errors.invalid_argument(f"{name} must be between {low:g} and {high:g}.")


def _whole_number(
    payload: Mapping[str, Any], name: str, low: int, high: int | None = None
) -> int | None:
    value = payload.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise errors.wrong_shape(f"{name}: expected an integer")
    if value < low or (high is not None and value > high):
        bound = f"at least {low}" if high is None else f"between {low} and {high}"
        raise errors.invalid_argument(f"{name} must be {bound}.")
    return value


def _flag(payload: Mapping[str, Any], name: str) -> bool:
    value = payload.get(name)
    if value is not None and not isinstance(value, bool):
        raise errors.wrong_shape(f"{name}: expected a boolean")
    return bool(value)


def _list(payload: Mapping[str, Any], name: str, longest: int) -> None:
    value = payload.get(name)
    if value is None:
        return
    if not isinstance(value, list):
        raise errors.wrong_shape(f"{name}: expected an array")
    if len(value) > longest:
        raise errors.invalid_argument(f"{name} takes at most {longest} entries.")


def check_sampling(payload: Mapping[str, Any]) -> Sampling:
    """Check types and ranges of the plain fields.

    Raises `errors.ApiError`: 422 for a wrong type, 400 for a value out of range.
    """
    _number(payload, "temperature", 0, 2)
    _number(payload, "top_p", 1e-9, 1)
    _number(payload, "frequency_penalty", -2, 2)
    _number(payload, "presence_penalty", -2, 2)
    _whole_number(payload, "top_logprobs", 0, 8)
    _whole_number(payload, "seed", -(2**63))
    _list(payload, "tools", 128)
    stop = payload.get("stop")
    if not isinstance(stop, str):
        _list(payload, "stop", 4)
    optional_text(payload, "user")
    streams = _flag(payload, "stream")
    options = payload.get("stream_options")
    if options is not None and not isinstance(options, Mapping):
        raise errors.wrong_shape("stream_options: expected an object")
    if options is not None and not streams:
        raise errors.invalid_argument("stream_options is only allowed when stream is true.")
    tier = optional_text(payload, "service_tier")
    if tier not in (None, "default", "priority"):
        raise errors.invalid_argument("service_tier must be 'default' or 'priority'.")
    newer = _whole_number(payload, "max_completion_tokens", 1)
    older = _whole_number(payload, "max_tokens", 1)
    return Sampling(
        answers=_whole_number(payload, "n", 1, MAX_ANSWERS) or 1,
        max_tokens=newer if newer is not None else older,
        priority_tier=tier == "priority",
        streams=streams,
        streams_usage=_flag(options or {}, "include_usage"),
    )


def check_unsupported(payload: Mapping[str, Any], model: Model) -> None:
    """Refuse fields that xAI refuses, and the few of xAI's that the stand-in cannot play.

    Raises `errors.ApiError` (400).
    """
    if payload.get("search_parameters") is not None:
        raise errors.invalid_argument(
            "Live search is deprecated. Please switch to the Agent Tools API."
        )
    if payload.get("logit_bias") is not None:
        raise errors.invalid_argument("Argument not supported: logit_bias")
    if model.reasons:
        for name in ("presence_penalty", "frequency_penalty", "stop"):
            if payload.get(name) is not None:
                raise errors.invalid_argument(f"Argument not supported on this model: {name}")
    form = payload.get("response_format")
    plain = form is None or (isinstance(form, Mapping) and form.get("type") == "text")
    for name, asked in (
        ("deferred", bool(payload.get("deferred"))),
        ("response_format", not plain),
    ):
        if asked:
            raise errors.invalid_argument(
                f"The stand-in for xAI does not play {name}; leave it out for a plain answer."
            )
