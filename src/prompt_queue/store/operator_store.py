"""What an operator presses: pause, resume, many retries, and how long things are kept."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from prompt_queue.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """The whole queue (`model` None) or the calls to one model are stopped."""

    model: str | None
    reason: str | None
    actor: str
    paused_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PausedPriority:
    """Jobs of this priority are not given out."""

    priority: int
    reason: str | None
    actor: str
    paused_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedJobs:
    """Which failed jobs are meant; None means any."""

    user_id: UUID | None = None
    error_code: str | None = None
    failed_after: datetime | None = None
    failed_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many days are kept: final jobs, events, the ledger of calls. 0 keeps for ever."""

    jobs_days: float
    events_days: float
    ledger_days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """How many rows were deleted."""

    jobs: int
    events: int
    calls: int


class OperatorStore:
    """Acts on many jobs at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pause(
        self,
        model: str | None,
        reason: str | None,
        actor: str,
        priorities: tuple[int, int] | None = None,
    ) -> bool:
        """Stop the queue, one model, or a range of priorities; False where it was so already."""
        first, last = priorities or (None, None)
        row = await self._database.row("pause", model, reason, actor, first, last)
        return bool(row and row["changed"])

    async def resume(
        self,
        model: str | None,
        actor: str = "operator",
        priorities: tuple[int, int] | None = None,
        reason: str | None = None,
    ) -> bool:
        """Let the queue, one model, or a range of priorities go on; False where none was paused."""
        first, last = priorities or (None, None)
        row = await self._database.row("resume", model, actor, first, last, reason)
        return bool(row and row["changed"])

    async def paused_priorities(self) -> list[PausedPriority]:
        """Priorities that are not given out, the least urgent first."""
        rows = await self._database.rows("paused_priorities")
        return [PausedPriority(**dict(row)) for row in rows]

    async def pauses(self) -> list[Pause]:
        """What is paused at present."""
        return [Pause(**dict(row)) for row in await self._database.rows("pauses")]

    async def retry_many(self, which: FailedJobs, limit: int, actor: str) -> int:
        """Reopen failed jobs, the youngest first; returns how many, at most `limit`."""
        row = await self._database.row(
            "retry_many",
            which.user_id,
            which.error_code,
            which.failed_after,
            which.failed_before,
            limit,
            actor,
        )
        return int(row["retried"]) if row else 0

    async def prune(self, keep: Retention, batch: int = 500) -> Pruned:
        """Delete what is older than its days, in small batches; jobs that `jobs` names are kept.

        What the statistics count is put together.
        """
        await self._database.rows("compact_tally")
        await self._prune_until_none("prune_webhooks", keep.events_days, batch)
        if keep.events_days:
            await self._database.rows("prune_operator_log", keep.events_days)
        return Pruned(
            jobs=await self._prune_jobs(keep.jobs_days, batch) if keep.jobs_days else 0,
            events=await self._prune_until_none("prune_events", keep.events_days, batch),
            calls=await self._prune_until_none("prune_calls", keep.ledger_days, batch),
        )

    async def _prune_jobs(self, days: float, batch: int) -> int:
        total, after = 0, None
        while row := await self._database.row("prune_jobs", days, None, after, batch):
            total += row["deleted"]
            after = row["after"]
            if after is None:
                break
        return total

    async def _prune_until_none(self, query: str, days: float, batch: int) -> int:
        total = 0
        while days:
            row = await self._database.row(query, days, batch)
            deleted = int(row["deleted"]) if row else 0
            total += deleted
            if not deleted:
                break
        return total
