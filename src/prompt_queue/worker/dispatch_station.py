"""The leg from a prompt to a picture, with the three verbs of every station."""

import asyncio
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import NoReturn

from prompt_queue.dispatch.dispatcher import PROVIDER, Dispatcher
from prompt_queue.failpoints import under_way
from prompt_queue.jobs.errors import LeaseLost, OurBug, OutcomeUnknown, RateLimited
from prompt_queue.jobs.outcome import CallEnd, Intent, Released
from prompt_queue.jobs.picture import PictureClaim, PictureOutcome
from prompt_queue.store.picture_store import PictureStore
from prompt_queue.store.prompt_store import Settled
from prompt_queue.telemetry import Event, log
from prompt_queue.tracing.messages import PICTURES, received, receiving
from prompt_queue.worker.grouped import Grouped
from prompt_queue.worker.ledger import StoreLedger
from prompt_queue.worker.patience import patiently

STEP_SECONDS = 240.0
"""How long one step may take: pictures fetched and given to the provider, or made and saved."""

SOON_SECONDS = 60.0
"""A picture that is due later than this is left to the janitor."""

QUIET_SECONDS = 0.2
"""Least time between two looks for pictures of which the first found none."""


class PictureLedger:
    """The book of paid calls as the dispatcher sees it; its sentences speak of pictures."""

    def __init__(self, ledger: StoreLedger) -> None:
        self._ledger = ledger

    async def intend(self, claim: PictureClaim, usd: Decimal) -> Intent:
        """See `dispatch.ledger.Ledger`."""
        try:
            return await self._ledger.intend(claim, PROVIDER, usd=usd)
        except (RateLimited, OutcomeUnknown) as failure:
            _say_of_pictures(failure)

    async def record(self, end: CallEnd) -> None:
        """See `dispatch.ledger.Ledger`."""
        await self._ledger.record(end)


class DispatchStation:
    """Prompt to picture."""

    def __init__(
        self,
        store: PictureStore,
        dispatcher: Dispatcher,
        ledger: PictureLedger,
        *,
        worker: str,
        lease_seconds: float,
        poll_seconds: float,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._ledger = ledger
        self._worker = worker
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds
        self._quiet_until = 0.0
        self._skipped = False
        self._settles: Grouped[tuple[PictureClaim, PictureOutcome], Settled] = Grouped(self._write)

    async def claim(self, limit: int) -> Sequence[PictureClaim]:
        """Take up to `limit` pictures that are due; after a look in vain none for a moment."""
        clock = asyncio.get_running_loop().time
        self._skipped = clock() < self._quiet_until
        if self._skipped:
            return []
        with receiving(PICTURES) as span:
            claims = await self._store.claim(
                limit, self._worker, self._lease_seconds, STEP_SECONDS + self._lease_seconds
            )
            received(span, claims)
        if not claims:
            # Prompts turn the loop hundreds of times a second.
            self._quiet_until = clock() + QUIET_SECONDS
        return claims

    async def held_back(self) -> float | None:
        """Seconds until the next picture is due, where that is soon, or until the next look."""
        if self._skipped:
            # Whoever woke the loop may have meant a picture.
            return max(self._quiet_until - asyncio.get_running_loop().time(), 0.0)
        seconds = await self._store.seconds_to_next()
        return seconds if seconds is not None and 0 < seconds <= SOON_SECONDS else None

    async def handle(self, claim: PictureClaim) -> PictureOutcome:
        """The next step; whatever goes wrong becomes an outcome, except a lost lease."""
        draw = random.random()  # noqa: S311 - jitter
        try:
            async with asyncio.timeout(STEP_SECONDS):
                return await self._dispatcher.handle(claim, self._ledger, draw)
        except LeaseLost:
            raise
        except TimeoutError:
            return PictureOutcome(outcome="postponed", delay=self._poll_seconds)
        except Exception as error:  # noqa: BLE001 - a bug must not lose what is paid for
            log(Event.JOB_CRASHED, level="error", job_id=str(claim.job_id), exc_info=error)
            bug = OurBug()
            return PictureOutcome(outcome="retry", delay=30.0, error=str(bug), code=bug.code)

    async def settle(self, claim: PictureClaim, outcome: PictureOutcome | Released) -> Settled:
        """Write the outcome together with those of its neighbours."""
        if isinstance(outcome, Released):
            outcome = PictureOutcome(outcome="released")
        return await self._settles.submit((claim, outcome))

    async def _write(
        self, outcomes: Sequence[tuple[PictureClaim, PictureOutcome]]
    ) -> Sequence[Settled]:
        answers = await patiently(lambda: under_way("settle.sent", self._store.settle(outcomes)))
        settled = {answer.job_id: answer for answer in answers}
        return [settled[claim.job_id] for claim, _ in outcomes]


def _say_of_pictures(failure: RateLimited | OutcomeUnknown) -> NoReturn:
    failure.args = (str(failure).replace("Grok", "The picture service"),)
    raise failure
