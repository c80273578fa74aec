"""Why a job waits, and what would let it go on: one pure decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from prompt_queue.jobs.priority import in_words


class WaitCode(StrEnum):
    """Every reason there is."""

    POSITION = "position"
    USER_CAP = "user_cap"
    RATE_GATE = "rate_gate"
    BREAKER_OPEN = "breaker_open"
    BACKOFF = "backoff"
    PAUSED = "paused"
    BUDGET = "budget"
    NO_WORKER = "no_worker"
    WAITING_PROMPT = "waiting_prompt"


@dataclass(frozen=True, slots=True)
class WaitingReason:
    """A reason, until when it holds (None: nobody can know) and a sentence that says what helps."""

    code: WaitCode
    until: datetime | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """What keeps calls from a model. Seconds; None where nobody knows how long it takes.

    `limited_seconds` a rate limit keeps its gate shut, `open_seconds` its breaker stays open.
    """

    model: str
    paused: bool = False
    is_open: bool = False
    open_seconds: float | None = None
    limited_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Hold:
    """No call leaves for `seconds` (None: until somebody acts)."""

    code: WaitCode
    seconds: float | None
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a waiting job stands in the queue's own table.

    `state` is ready, delayed or capped; `follows`: it waits for an identical request.
    """

    state: str
    position: int = 0
    is_exact: bool = True
    next_attempt_at: datetime | None = None
    follows: bool = False
    error_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What holds for all jobs of a priority at `now`, the database's clock.

    `paused_range` are the priorities that are paused together with that of the job.
    """

    now: datetime
    workers: int
    queue_paused: bool = False
    paused_range: tuple[int, int] | None = None
    hold: Hold | None = None


_STOPPED: Final[Mapping[WaitCode, str]] = {
    WaitCode.PAUSED: "An operator has paused the queue; `prompt-queue resume` lets it go on.",
    WaitCode.USER_CAP: "As many of your jobs are being worked on as one user may have at once; the "
    "next one starts when one of them ends.",
    WaitCode.WAITING_PROMPT: "An identical request is being answered; this job gets the same "
    "prompt, at no cost.",
    WaitCode.NO_WORKER: "No worker runs; `prompt-queue work` starts one, and the cron route works "
    "without.",
}
# Pauses that end by themselves, by the class of what caused them.
_DELAYS: Final[Mapping[str, tuple[WaitCode, str]]] = {
    "rate_limited": (
        WaitCode.RATE_GATE,
        "The provider's rate limit is reached; the job goes on by itself as soon as it allows.",
    ),
    "breaker_open": (
        WaitCode.BREAKER_OPEN,
        "The model does not work at present; the job goes on by itself when it works again.",
    ),
    "model_paused": (
        WaitCode.PAUSED,
        "An operator has paused the model; `prompt-queue resume --model` lets it go on.",
    ),
    "retry_budget": (
        WaitCode.BUDGET,
        "So much fails at present that retries are rationed; the job is tried again by itself.",
    ),
    "user_budget": (
        WaitCode.BUDGET,
        "Your budget for today is used up; the job goes on by itself tomorrow (UTC), or as soon as "
        "an operator raises it.",
    ),
    "out_of_credit": (
        WaitCode.BUDGET,
        "The provider's account has no credit left; the job goes on by itself once it has.",
    ),
    "misconfigured": (
        WaitCode.BREAKER_OPEN,
        "The provider refuses the key or the model; an operator has to mend the settings.",
    ),
}


def first_hold(models: Sequence[ModelState]) -> Hold | None:
    """What keeps the next call back, if anything does; `models` in the order of the ladder.

    A paused or broken model is passed over, a limited one is waited for.
    """
    held: list[Hold] = []
    for one in models:
        if one.paused:
            held.append(Hold(WaitCode.PAUSED, None, one.model))
        elif one.is_open and one.open_seconds != 0:
            held.append(Hold(WaitCode.BREAKER_OPEN, one.open_seconds, one.model))
        elif one.limited_seconds > 0:
            return Hold(WaitCode.RATE_GATE, one.limited_seconds, one.model)
        else:
            return None
    known = [hold for hold in held if hold.seconds is not None]
    return min(known, key=lambda hold: hold.seconds or 0.0) if known else next(iter(held), None)


def waiting_reason(place: Standing, around: Surroundings) -> WaitingReason:
    """The reason that would have to go first."""
    if around.paused_range is not None and not around.queue_paused:
        return _paused_priority(*around.paused_range)
    stopped: WaitCode | None = None
    if around.queue_paused:
        stopped = WaitCode.PAUSED
    elif place.state == "capped":
        stopped = WaitCode.USER_CAP
    elif place.follows:
        stopped = WaitCode.WAITING_PROMPT
    elif around.workers == 0:
        stopped = WaitCode.NO_WORKER
    if stopped is not None:
        return WaitingReason(stopped, None, _STOPPED[stopped])
    if place.state == "delayed":
        return _delay(place)
    return _held(around.hold, around.now) if around.hold else _in_line(place)


def waits_for_prompt(prompt: WaitingReason | None) -> WaitingReason:
    """A picture job whose prompt is not there, by why that one waits (None: it is at work)."""
    if prompt is None:
        return WaitingReason(WaitCode.WAITING_PROMPT, None, "Its prompt is being written.")
    return WaitingReason(
        WaitCode.WAITING_PROMPT, prompt.until, f"Its prompt is not there yet: {prompt.detail}"
    )


def _paused_priority(low: int, high: int) -> WaitingReason:
    detail = (
        f"An operator has paused {in_words(low, high)}; `prompt-queue resume --band {low}-{high}` "
        "lets them go on."
    )
    return WaitingReason(WaitCode.PAUSED, None, detail)


def _delay(place: Standing) -> WaitingReason:
    code, detail = _DELAYS.get(
        place.error_code or "",
        (WaitCode.BACKOFF, "The last attempt failed; the job is tried again by itself."),
    )
    return WaitingReason(code, place.next_attempt_at, detail)


def _held(hold: Hold, now: datetime) -> WaitingReason:
    until = None if hold.seconds is None else now + timedelta(seconds=hold.seconds)
    detail = {
        WaitCode.PAUSED: f"{hold.model} is paused; `prompt-queue resume --model {hold.model}` "
        "lets it go on.",
        WaitCode.RATE_GATE: f"The rate limit of {hold.model} is reached; jobs go on by themselves.",
    }.get(
        hold.code,
        f"{hold.model} does not work at present; jobs go on by themselves when it does"
        + ("." if until else f", or after `prompt-queue breaker close {hold.model}`."),
    )
    return WaitingReason(hold.code, until, detail)


def _in_line(place: Standing) -> WaitingReason:
    if place.position == 0:
        detail = "It is the next one."
    else:
        jobs = "1 job comes" if place.position == 1 else f"{place.position} jobs come"
        detail = f"{jobs} first." if place.is_exact else f"About {jobs} first."
    return WaitingReason(WaitCode.POSITION, None, detail)
