"""Reading a 200 from Grok: an answer, or the failure that hides in it. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prompt_queue.generation.classify import classify
from prompt_queue.generation.usage import read_usage
from prompt_queue.jobs.errors import PromptFailure, Refused, Transient
from prompt_queue.jobs.outcome import Usage
from prompt_queue.jobs.plain_text import plain_name


@dataclass(frozen=True, slots=True, kw_only=True)
class GrokAnswer:
    """The text that Grok wrote. `model` is the one that really answered, `id` its name of this."""

    text: str
    model: str
    usage: Usage
    http_status: int
    finish_reason: str | None
    id: str | None = None


class CallFailed(Exception):
    """A call that brought no answer text.

    `answered` is False only where the request left and no complete reply came back, so that it may
    have been charged. A call that never left counts as answered: nothing is open.
    """

    def __init__(
        self,
        failure: PromptFailure,
        *,
        answered: bool,
        http_status: int | None = None,
        model: str | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.answered = answered
        self.http_status = http_status
        self.model = model
        self.usage = usage or Usage()


def read_answer(
    status: int, headers: Mapping[str, str], body: bytes, asked_model: str
) -> GrokAnswer:
    """The answer in a successful reply. Raises CallFailed, with the usage that it has cost."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise _unusable(status, "it could not be read") from None
    if not isinstance(parsed, dict):
        raise _unusable(status, "it could not be read")
    choice = _first_choice(parsed)
    if choice is None:
        if parsed.get("error") or parsed.get("code"):
            raise CallFailed(classify(status, headers, body), answered=True, http_status=status)
        raise _unusable(status, "it was empty", parsed, asked_model)
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    reason = choice.get("finish_reason")
    if reason == "content_filter" or message.get("refusal"):
        raise _failed(Refused(), status, parsed, asked_model)
    if reason == "length":
        raise _unusable(status, "it was cut off", parsed, asked_model)
    text = _text_of(message.get("content"))
    if not text.strip():
        raise _unusable(status, "it was empty", parsed, asked_model)
    model = _model_of(parsed, asked_model)
    return GrokAnswer(
        text=text,
        model=model,
        usage=read_usage(parsed, model),
        http_status=status,
        finish_reason=reason if isinstance(reason, str) else None,
        id=plain_name(parsed.get("id")),
    )


def _first_choice(body: dict[str, Any]) -> dict[str, Any] | None:
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None


def _text_of(content: object) -> str:
    """A string, or the text parts of a list of parts."""
    if isinstance(content, list):
        return "".join(_text_of(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _model_of(body: dict[str, Any], asked_model: str) -> str:
    return plain_name(body.get("model")) or asked_model


def _failed(
    failure: PromptFailure, status: int, body: dict[str, Any], asked_model: str
) -> CallFailed:
    model = _model_of(body, asked_model)
    usage = read_usage(body, model)
    return CallFailed(failure, answered=True, http_status=status, model=model, usage=usage)


def _unusable(
    status: int, reason: str, body: dict[str, Any] | None = None, asked_model: str = ""
) -> CallFailed:
    failure = Transient(f"Grok's answer could not be used: {reason}; please try again.")
    if body is None:
        return CallFailed(failure, answered=True, http_status=status)
    return _failed(failure, status, body, asked_model)
