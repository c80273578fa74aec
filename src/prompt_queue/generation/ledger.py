"""The book of paid calls as the generator sees it, and the care with which it is written."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from prompt_queue.generation.answer import CallFailed, GrokAnswer
from prompt_queue.jobs.errors import PromptFailure
from prompt_queue.jobs.job import Claim, is_another_model
from prompt_queue.jobs.outcome import CallEnd, Intent
from prompt_queue.jobs.pictures import SeenPicture
from prompt_queue.jobs.policies import Sign, policy_of

logger = logging.getLogger(__name__)

_RECORD_SECONDS = 5.0


class Ledger(Protocol):
    """The book of paid calls."""

    async def intend(
        self,
        claim: Claim,
        model: str,
        pictures: Sequence[SeenPicture],
        tokens: int,
        usd: Decimal | None,
    ) -> Intent:
        """Commit that a call about these pictures, of about so many tokens, is about to leave.

        `usd` is what it is expected to cost; None: nobody knows. Raises LeaseLost, ModelPaused,
        BreakerOpen, RetryBudget, UserBudget, OutcomeUnknown, RateLimited.
        """
        ...

    async def record(self, end: CallEnd) -> None:
        """Commit how the call ended."""
        ...

    def refused_since(self, intent: Intent, model: str) -> bool:
        """Whether the provider has refused a call to the model since this one was granted."""
        ...


def end_of_failure(call_id: UUID, failed: CallFailed) -> CallEnd:
    """The end of a call that brought no answer text."""
    return CallEnd(
        call_id,
        answered=failed.answered,
        http_status=failed.http_status,
        error_code=failed.failure.code,
        model=failed.model,
        usage=failed.usage,
        sign=policy_of(failed.failure).sign,
        retry_after=getattr(failed.failure, "retry_after", None),
    )


def end_of_answer(
    call_id: UUID, asked: str, answer: GrokAnswer, failure: PromptFailure | None
) -> CallEnd:
    """The end of a call that was answered; `failure` is what was wrong with the text."""
    redirected = is_another_model(asked, answer.model)
    if redirected:
        logger.warning("asked %s, but %s answered", asked, answer.model)
    return CallEnd(
        call_id,
        answered=True,
        http_status=answer.http_status,
        error_code=failure.code if failure else None,
        model=answer.model,
        usage=answer.usage,
        sign=policy_of(failure).sign if failure else Sign.GOOD,
        redirected=redirected,
    )


async def record(ledger: Ledger, end: CallEnd) -> None:
    """Write the end of a call, through a cancellation too.

    A ledger that fails must not take a paid answer away: the open intent already counts as a call
    that may have been charged.
    """
    task = asyncio.ensure_future(_recorded(ledger.record(end), end))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_RECORD_SECONDS)
        raise


async def _recorded(writing: Coroutine[Any, Any, None], end: CallEnd) -> None:
    try:
        await writing
    except Exception:
        logger.exception("the end of call %s could not be recorded", end.call_id)
