"""What becomes of a job after an attempt: one pure decision, carried out elsewhere."""

import math
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from prompt_queue.jobs.backoff import RetryPolicy
from prompt_queue.jobs.errors import PromptFailure
from prompt_queue.jobs.job import Claim, Source
from prompt_queue.jobs.policies import Act, Sign, policy_of


@dataclass(frozen=True, slots=True)
class Usage:
    """What one provider call used, in tokens, and cost, in USD. None: the provider did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedPrompt:
    """A prompt, and where it came from.

    `strategy` is the version of the words that made it. `degraded` says that it comes from further
    down the ladder than the first model. Under `cache_key` it is kept for identical requests.
    """

    text: str
    model: str | None
    source: Source = Source.MODEL
    strategy: str | None = None
    degraded: bool = False
    cache_key: str | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """A call that may leave in `send_in` seconds.

    `outage_seconds`: it is the one that finds out whether the model works again after so long.
    """

    call_id: UUID
    outage_seconds: float | None = None
    send_in: float = 0.0


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a provider call ended, for the ledger. `answered` False means that it may be charged.

    `sign` is what it says of the model; `redirected`, that another model answered; `retry_after`,
    for how many seconds a rate limit asks to wait.
    """

    call_id: UUID
    answered: bool
    http_status: int | None = None
    error_code: str | None = None
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    sign: Sign = Sign.NONE
    redirected: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The prompt is there; `code` is the class of the failure for which it is a fallback."""

    prompt: GeneratedPrompt
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after `delay` seconds; counts as a retry.

    `fallback` is used instead where the job's time is up by then.
    """

    delay: float
    error: str
    code: str
    fallback: GeneratedPrompt | None = None


@dataclass(frozen=True, slots=True)
class Postponed:
    """Wait `delay` seconds, then go on; burns no attempt. `fallback` is as in `Retry`."""

    delay: float
    error: str
    code: str
    fallback: GeneratedPrompt | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Give up with a sentence that a person understands."""

    error: str
    code: str


@dataclass(frozen=True, slots=True)
class Released:
    """Hand the job back untouched, because this worker stops; burns no attempt."""


@dataclass(frozen=True, slots=True)
class Attached:
    """The job waits for an identical one already; there is nothing left to write."""


Outcome = Done | Retry | Postponed | Failed | Released | Attached

PARK_SECONDS = 300.0
"""How long a job waits for an operator to mend the account or the key before it looks again."""


def decide(
    claim: Claim,
    result: GeneratedPrompt | PromptFailure,
    policy: RetryPolicy,
    draw: float,
    last_resort: GeneratedPrompt | None = None,
    *,
    patience: float = math.inf,
) -> Outcome:
    """The outcome of one attempt; `draw` is uniform in [0, 1) and feeds the jitter.

    `last_resort` is the prompt for when nothing more is tried, where the failure allows it; it is
    used too once all models have been out of order for `patience` seconds.
    """
    if isinstance(result, GeneratedPrompt):
        return Done(result)
    sentence, code = str(result), result.code
    pause = policy.delay(claim.retry_count, draw)
    reaction = policy_of(result)
    fallback = last_resort if reaction.falls_back else None
    outage = result.outage_seconds
    if fallback and outage is not None and outage >= patience:
        return Done(fallback, code)
    match reaction.act:
        case Act.WAIT | Act.PARK:
            wait = _wait(result, reaction.act, pause, draw)
            if fallback and (outage is not None or reaction.act is Act.PARK):
                # It looks again when its patience is over.
                wait = min(wait, max(patience - (outage or 0.0), 0.0) + pause * 0.1)
            return Postponed(wait, sentence, code, fallback)
        case Act.RETRY if outage is not None:
            # Who found out for all that the model still fails does not pay for it.
            return Postponed(pause, sentence, code, fallback)
        case Act.RETRY if claim.retry_count < claim.max_retries:
            return Retry(pause, sentence, code, fallback)
        case _:
            return Done(fallback, code) if fallback else Failed(sentence, code)


def _wait(failure: PromptFailure, act: Act, pause: float, draw: float) -> float:
    """Seconds, with a jitter that spreads those who were told the same."""
    if act is Act.PARK:
        return PARK_SECONDS * (1 + 0.1 * draw)
    asked: float | None = getattr(failure, "retry_after", None)
    return pause if asked is None else spread(asked, draw) + pause * 0.1


def spread(seconds: float, draw: float) -> float:
    """Up to a tenth longer, and up to a minute: those who wait for the same come one by one."""
    return seconds + min(seconds * 0.1, 60.0) * draw
