"""What a worker's spans say of the three kinds of jobs."""

from contextlib import AbstractContextManager

from prompt_queue.jobs.job import Claim, Leased
from prompt_queue.jobs.outcome import Done
from prompt_queue.jobs.picture import PictureClaim
from prompt_queue.jobs.webhooks import WebhookClaim, WebhookOutcome
from prompt_queue.tracing import NOTHING, Attributes, Span, is_on
from prompt_queue.tracing.messages import (
    ATTEMPT,
    OUTCOME,
    PICTURES,
    PROMPTS,
    STEP,
    WEBHOOKS,
    processing,
    settling,
)

NO_ANSWER = "no_answer"


def attempt_at(claim: Leased) -> AbstractContextManager[Span]:
    """The span of one attempt, in the trace of the request that queued the job."""
    if not is_on():
        return NOTHING
    destination, more = _described(claim)
    return processing(destination, claim.job_id, claim.trace_context, more)


def settle_of(claim: Leased, outcome: object) -> AbstractContextManager[Span]:
    """The span in which an outcome is written down."""
    if not is_on():
        return NOTHING
    return settling(_described(claim)[0], claim.job_id, word_of(outcome))


def word_of(outcome: object) -> str:
    """What became of an attempt, in one word."""
    return getattr(outcome, "outcome", None) or type(outcome).__name__.lower()


def note_outcome(span: Span, outcome: object) -> None:
    """What became of the attempt; where it failed, by the code of the failure."""
    if not is_on():
        return
    span.note({OUTCOME: word_of(outcome)})
    if isinstance(outcome, WebhookOutcome):
        reply = outcome.reply
        code = None if reply is None or reply.error is None else str(reply.status or NO_ANSWER)
    else:
        code = getattr(outcome, "code", None)
    if isinstance(outcome, Done):
        span.note({"prompt_queue.instead_of": code})
    elif code is not None:
        span.fail(code)


def _described(claim: Leased) -> tuple[str, Attributes]:
    match claim:
        case PictureClaim():
            return PICTURES, {
                ATTEMPT: claim.retry_count + 1,
                STEP: claim.status.value,
                "prompt_queue.job.id": str(claim.order_id),
            }
        case WebhookClaim():
            return WEBHOOKS, {
                ATTEMPT: claim.tries + 1,
                "prompt_queue.webhook.type": claim.type,
                "prompt_queue.job.id": str(claim.subject),
            }
        case Claim():
            return PROMPTS, {ATTEMPT: claim.retry_count + 1}
    return type(claim).__name__, {}
