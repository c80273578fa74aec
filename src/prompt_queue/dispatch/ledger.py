"""What the dispatcher needs of the shared book of paid calls, as small protocols."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from prompt_queue.jobs.outcome import CallEnd, Intent
from prompt_queue.jobs.picture import PictureClaim


class Ledger(Protocol):
    """The book of paid calls."""

    async def intend(self, claim: PictureClaim, usd: Decimal) -> Intent:
        """Commit that a submit is about to leave, and what it is expected to cost.

        Raises LeaseLost, ModelPaused, BreakerOpen, RetryBudget, UserBudget, OutcomeUnknown,
        RateLimited.
        """
        ...

    async def record(self, end: CallEnd) -> None:
        """Commit how the submit ended."""
        ...


class LastSubmit(Protocol):
    """The newest submit of a picture of which bytes may have left; times in seconds."""

    @property
    def call_id(self) -> UUID: ...

    @property
    def started_at(self) -> float: ...

    @property
    def seconds_ago(self) -> float: ...


class Memory(Protocol):
    """What all workers know of submits."""

    async def last_submit(self, picture_id: UUID) -> LastSubmit | None:
        """The newest one, or None where nothing has left."""
        ...

    async def known(self, prediction_ids: Sequence[str]) -> set[str]:
        """Those that a picture of ours has already."""
        ...

    async def resolve_call(self, picture_id: UUID, cost_usd: Decimal) -> None:
        """The newest submit of the picture has bought it; 0: it failed there and is given back."""
        ...
