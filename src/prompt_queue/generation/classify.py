"""What a reply that is not an answer means: one table, first match wins, pure.

The texts come from xAI's documentation and from recorded replies; a reply that no rule names falls
through to the rule for its status.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from prompt_queue.jobs.errors import (
    BadInput,
    Misconfigured,
    ModelUnusable,
    OutOfCredit,
    PictureUnfetched,
    PromptFailure,
    RateLimited,
    Refused,
    Transient,
)

LONGEST_PAUSE_SECONDS = 120.0
"""Longest pause that a provider's header can ask for."""

_MOST_ERROR_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What an error reply says, whatever its envelope."""

    code: str
    message: str

    @property
    def words(self) -> str:
        """Code and message in lower case, for matching."""
        return f"{self.code} {self.message}".lower().replace("\u2019", "'")


@dataclass(frozen=True, slots=True)
class _Rule:
    """`statuses` None means every status."""

    statuses: frozenset[int] | None
    wording: re.Pattern[str]
    failure: Callable[[], PromptFailure]

    def matches(self, status: int, words: str) -> bool:
        return (self.statuses is None or status in self.statuses) and bool(
            self.wording.search(words)
        )


def _rule(statuses: str, wording: str, failure: Callable[[], PromptFailure]) -> _Rule:
    numbers = frozenset(int(status) for status in statuses.split()) or None
    return _Rule(numbers, re.compile(wording), failure)


def _wrong_key() -> Misconfigured:
    return Misconfigured("Grok did not accept the API key; the operator has to look at it.")


def _too_much() -> BadInput:
    return BadInput("The pictures are too many or too large for Grok; send fewer or smaller ones.")


def _not_readable() -> BadInput:
    return BadInput("Grok could not read one of the pictures; send undamaged JPEG or PNG files.")


_LIMIT = r"too many (?:requests|tokens)|(?:requests|tokens) per (?:second|minute)"

_RULES = (
    _rule("200 429", rf"{_LIMIT}|rate limit|at capacity", RateLimited),
    _rule("200 400 402 403 429", r"credits|spending limit|billing", OutOfCredit),
    _rule("200 400 403 422 451", r"usage guidelines|safety_check|content violat|content policy",
          Refused),
    _rule("200 400 403 404 412 422 424", r"fetching (?:an )?images?|image fetch|plain http\b",
          PictureUnfetched),
    _rule("200 400 403 404 412 422", r"not contain a valid|invalid_image|cannot be decoded"
          r"|could not process image|unsupported content-type|data loss or corruption",
          _not_readable),
    _rule("400 403 404 410 422", r"model\b.{0,200}(?:not available|not supported)"
          r"|single text element per message|(?:not|n't) support (?:image|vision)"
          r"|images? (?:input )?(?:is|are) not supported", ModelUnusable),
    _rule("200 400 403 404 410 422 500 501",
          r"model\b.{0,200}(?:not found|not exist|deprecated|retired|no longer)"
          r"|(?:unknown|unsupported|invalid|deprecated) model", ModelUnusable),
    _rule("200 400 401 403", r"api[ _-]key|unauthenticated|authorization header", _wrong_key),
    _rule("200 400 422", r"maximum prompt length|too long for this model|prompt is too long"
          r"|context_length_exceeded|context length", _too_much),
    _rule("413", r"", _too_much),
    _rule("200 400 403 404 412 422",
          r"(?:download|fetch).{0,90}(?:image|picture|url)"
          r"|(?:image|picture).{0,80}(?:download|fetch)", PictureUnfetched),
    _rule("200 400 403 404 412 422", r"image|picture|jpe?g|png|base64", _not_readable),
    _rule("412", r"", _not_readable),
    _rule("200 429", r"resource[-_ ]exhausted", RateLimited),
    _rule("429", r"", RateLimited),
    _rule("402", r"", OutOfCredit),
    # A parameter that this model rejects may suit the next one.
    _rule("400 422", r"", ModelUnusable),
    _rule("404", r"model", ModelUnusable),
    _rule("200 408 409 425", r"", Transient),
)  # fmt: skip


def classify(status: int, headers: Mapping[str, str], body: bytes) -> PromptFailure:
    """The one leaf of the failure tree for a reply that holds no answer.

    Also for a 200 whose body is an error. Nothing of the body reaches the sentence.
    """
    words = read_error(body).words
    for rule in _RULES:
        if rule.matches(status, words):
            failure = rule.failure()
            if isinstance(failure, RateLimited):
                failure.retry_after = retry_after(headers)
            return failure
    if status >= 500:
        return Transient()
    return Misconfigured()


def read_error(body: bytes) -> ErrorText:
    """Code and message from the flat or the nested envelope; empty for pages and noise."""
    text = body.decode("utf-8", "replace").strip()
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        is_page = text.startswith("<")
        return ErrorText("", "" if is_page else text[:_MOST_ERROR_CHARACTERS])
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        return ErrorText("", parsed[:_MOST_ERROR_CHARACTERS] if isinstance(parsed, str) else "")
    nested = parsed.get("error")
    inner: dict[str, Any] = nested if isinstance(nested, dict) else {}
    code = inner.get("code") or inner.get("type") or parsed.get("code")
    message = inner.get("message") or nested or parsed.get("message") or parsed.get("detail")
    return ErrorText(_word(code), _word(message))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the reply asks us to wait, at most 120; None for no or a meaningless request.

    A date is measured against the reply's own `Date`, so that no clock of ours matters.
    """
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    seconds = _number(lower.get("retry-after-ms"), 1000)
    if seconds is None:
        seconds = _number(lower.get("retry-after"), 1)
    if seconds is None:
        seconds = _seconds_between(lower.get("date"), lower.get("retry-after"))
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS)


def _number(text: str | None, divisor: int) -> float | None:
    if text is None or not re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]{1,6})?", text):
        return None
    return float(text) / divisor


def _seconds_between(start: str | None, end: str | None) -> float | None:
    if start is None or end is None:
        return None
    try:
        return (parsedate_to_datetime(end) - parsedate_to_datetime(start)).total_seconds()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def _word(value: object) -> str:
    return value[:_MOST_ERROR_CHARACTERS] if isinstance(value, str) else ""
