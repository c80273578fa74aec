"""What WaveSpeed's replies mean: predictions, and failures in our own classes. Pure.

Every reply is meant to be {code, message, data}, and both the HTTP status and `code` count; a task
that failed is a 200 (https://wavespeed.ai/docs, and the vendor's own clients).
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Final

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
    Unanswered,
)
from prompt_queue.jobs.plain_text import plain_name
from prompt_queue.jobs.redaction import redact, without

BUSY = "The picture service is busy; your picture keeps its place and goes on by itself."
NO_CREDIT = "The account of the picture service has no credit left; the operator has to top it up."
AWAY = "The picture service could not be reached; your picture is tried again."
NO_ANSWER = "The picture service did not answer; it is looked up before anything is sent again."
WRONG_KEY = "The service is not set up correctly for pictures; the operator has to look at it."
NOT_TAKEN = "The picture model did not take this request; the operator has to look at it."
DECLINED = "The picture service declined this picture because of its usage guidelines."
UNFETCHED = "The picture service could not fetch a picture; check that each address opens."
NOT_MADE = "The picture service could not make this picture."

_CREDIT = re.compile(r"insufficient (?:credit|balance)|credits?\b.{0,40}(?:run out|exhaust|top)"
                     r"|top[ -]?up|not enough (?:credit|balance)")  # fmt: skip
_POLICY = re.compile(r"nsfw|content polic|safety|moderat|sensitive|guidelines|prohibited")
_PASSING = re.compile(r"http (?:5\d\d|429)|timed? ?out|temporar|overloaded|try again later")
_FETCHING = re.compile(r"(?:download|fetch|load|access|reach).{0,70}(?:image|url|picture)"
                       r"|(?:image|url|picture).{0,60}(?:download|fetch|expired)")  # fmt: skip
_MOST_ERROR_CHARACTERS: Final = 4000

_MOST_OUTPUTS: Final = 32
"""Pictures of one task that are kept: each may take 64 MB of the disk."""

_ADDRESS: Final = re.compile(r"https?:[!-~]{1,4000}")
_BY_STATUS: Final[Mapping[int, tuple[type[PromptFailure], str]]] = {
    401: (Misconfigured, WRONG_KEY),
    403: (Misconfigured, WRONG_KEY),
    408: (Transient, AWAY),
    409: (Transient, AWAY),
    425: (Transient, AWAY),
    429: (RateLimited, BUSY),
}


class Stage(StrEnum):
    """Where a prediction stands, in fewer words than the provider's."""

    WAITING = "waiting"
    RUNNING = "running"
    MADE = "made"
    FAILED = "failed"
    GONE = "gone"


_STAGES = {
    "created": Stage.WAITING, "queued": Stage.WAITING, "pending": Stage.WAITING,
    "starting": Stage.WAITING, "processing": Stage.RUNNING, "running": Stage.RUNNING,
    "completed": Stage.MADE, "succeeded": Stage.MADE, "failed": Stage.FAILED,
    "error": Stage.FAILED, "timeout": Stage.FAILED, "cancelled": Stage.GONE,
    "canceled": Stage.GONE, "deleted": Stage.GONE,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A task of the provider. `inputs` only in lists that were asked for them."""

    id: str
    stage: Stage
    outputs: tuple[str, ...] = ()
    flagged: bool = False
    error: str = ""
    model: str = ""
    inputs: Mapping[str, Any] | None = None


class CallRefused(Exception):
    """A call that brought no data. `answered` False: nobody knows what became of it."""

    def __init__(
        self, failure: PromptFailure, *, answered: bool = True, http_status: int | None = None
    ) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.answered = answered
        self.http_status = http_status


def read_data(status: int, body: bytes, *, is_post: bool) -> Any:
    """The `data` of a good reply. Raises CallRefused."""
    parsed = _parsed(body)
    code = parsed.get("code") if isinstance(parsed, dict) else None
    if 200 <= status < 300 and isinstance(parsed, dict) and (code is None or code == 200):
        return parsed.get("data")
    # A server that answers 5xx to a submit may have begun the task.
    worse = status if status >= 400 else _as_status(code)
    said = parsed if isinstance(parsed, dict) else {}
    text = f"{said.get('message') or ''} {said.get('error') or ''} {said.get('error_code') or ''}"
    failure = classify(worse, text)
    lost = is_post and isinstance(failure, Transient)
    if lost:
        raise CallRefused(Unanswered(NO_ANSWER), answered=False, http_status=status)
    raise CallRefused(failure, http_status=status)


def classify(status: int, text: str) -> PromptFailure:
    """The one class of a refusal; nothing of the text reaches the sentence."""
    words = text[:_MOST_ERROR_CHARACTERS].lower()
    if status == 402 or (status < 500 and _CREDIT.search(words)):
        return OutOfCredit(NO_CREDIT)
    if status == 413:
        return BadInput("The pictures are too large for the picture service; send smaller ones.")
    if status in _BY_STATUS:
        kind, sentence = _BY_STATUS[status]
        return kind(sentence)
    if not 400 <= status < 500:
        return Transient(AWAY)
    if _POLICY.search(words):
        return Refused(DECLINED)
    return PictureUnfetched(UNFETCHED) if _FETCHING.search(words) else ModelUnusable(NOT_TAKEN)


def failure_of(prediction: Prediction) -> PromptFailure:
    """Why a task failed at the provider, by its text. Transient: it may be tried anew."""
    words = prediction.error.lower()
    if _POLICY.search(words):
        return Refused(DECLINED)
    if _FETCHING.search(words):
        return PictureUnfetched(UNFETCHED)
    if _PASSING.search(words):
        return Transient(AWAY)
    said = redact(prediction.error, 200).strip()
    return BadInput(f"{NOT_MADE} It said: {said}" if said else NOT_MADE)


def read_prediction(data: object, secrets: Collection[str] = ()) -> Prediction | None:
    """A task as the provider shows it, with none of these secrets; None where it has no id."""
    name = plain_name(data.get("id")) if isinstance(data, dict) else None
    # Half a name names nothing.
    if not isinstance(data, dict) or name is None or name != data["id"]:
        return None
    flags = data.get("has_nsfw_contents")
    word = str(data.get("status") or "").lower()
    inputs = data.get("input") or data.get("inputs")
    return Prediction(
        id=name,
        # An unknown word is looked at again until its time is up.
        stage=_STAGES.get(word, Stage.RUNNING),
        outputs=_outputs(data.get("outputs")),
        flagged=isinstance(flags, list) and any(flag is True for flag in flags),
        error=without(str(data.get("error") or "")[:2000], secrets),
        model=str(data.get("model") or "")[:200],
        inputs=inputs if isinstance(inputs, dict) else None,
    )


def _outputs(found: object) -> tuple[str, ...]:
    entries: Sequence[object] = found if isinstance(found, list) else []
    urls = (one.get("url") if isinstance(one, dict) else one for one in entries)
    good = (url for url in urls if isinstance(url, str) and _ADDRESS.fullmatch(url))
    return tuple(islice(good, _MOST_OUTPUTS))


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _as_status(code: object) -> int:
    return code if isinstance(code, int) and 400 <= code < 600 else 500
