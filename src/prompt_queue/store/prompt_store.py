"""What the house asks of the database about prompt jobs: one short method per statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from prompt_queue.jobs.job import Claim, PromptJob, Status
from prompt_queue.jobs.outcome import CallEnd
from prompt_queue.store.database import Database
from prompt_queue.store.rows import call_end_as_json, claim_from_row, job_from_row
from prompt_queue.tracing import is_on

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """The queue at a glance; times in seconds."""

    total_queued: int
    total_processing: int
    total_completed: int
    total_failed: int
    total_cancelled: int
    avg_wait_time_seconds: float
    avg_processing_seconds: float | None
    oldest_queued_seconds: float | None
    workers: int
    slots: int
    unfenced_writes: int
    completed_last_minute: int
    completed_last_hour: int
    failed_last_hour: int
    paused: bool
    capped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an open job stands: `ahead` jobs come first (counted up to 1,000).

    `state` is ready, delayed or capped; `share` of its lane (0 to 1) comes before it; `follows`: it
    waits for an identical request.
    """

    ahead: int
    next_attempt_at: datetime | None
    state: str = "ready"
    share: float = 0.0
    follows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReceipt:
    """`outcome` is cancelled, already_cancelled, already_final or not_found.

    `saved_usd` estimates the call that is not made any more; None where one is in flight or
    nothing is known.
    """

    outcome: str
    status: Status | None
    spent_usd: Decimal
    calls: int
    call_in_flight: bool
    saved_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Whether a proposed outcome counted, and the status that the job has now."""

    job_id: UUID
    applied: bool
    status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """Whether a call may leave, see begin_provider_calls().

    Where the model's breaker is open: `wait_seconds` until somebody may try it (None: until it is
    closed by hand), `outage_seconds` since it opened. Where it has a gate: seconds until the call
    may leave (`send_in`), or until the gate has room (`gate_seconds`). Where the budget of the
    user is used up: `day_left_seconds` until it is there anew.
    """

    verdict: str
    wait_seconds: float | None = None
    outage_seconds: float | None = None
    send_in: float | None = None
    gate_seconds: float | None = None
    day_left_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """What became of a prompt by hand, and the job that has it.

    `outcome` is supplied, successor, already_supplied, already_completed, cancelled or not_found.
    """

    outcome: str
    job_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs to list; None means any."""

    user_id: UUID | None = None
    status: Status | None = None
    row_id: UUID | None = None
    created_after: datetime | None = None


class PromptStore:
    """The queue as seen from the HTTP process, the worker process and the command line."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def configure(
        self,
        row_owner_column: str | None = None,
        *,
        user_in_flight_cap: int | None = None,
        ageing_seconds: float = 600.0,
        job_seconds: float | None = None,
        job_words: Mapping[str, str | None] | None = None,
        row_words: Mapping[str, str | None] | None = None,
        pictures_at_once: int | None = None,
    ) -> None:
        """What the SQL functions go by, for all processes on this database.

        `row_owner_column` of model_rows names the owner (None: user_id or created_by). A user has
        at most `user_in_flight_cap` jobs processing (None: no limit). `ageing_seconds` of waiting
        count as much as one step of priority. So many `job_seconds` after it was queued a job is
        neither tried nor postponed again (None: no limit). `job_words` and `row_words` are what
        statuses of pictures are called in jobs and model_rows, where they are called otherwise;
        `pictures_at_once` may be with their provider at once.
        """
        await self.database.rows(
            "configure",
            row_owner_column,
            user_in_flight_cap,
            ageing_seconds,
            job_seconds,
            dict(job_words or {}),
            dict(row_words or {}),
            pictures_at_once,
        )

    async def find_job(self, job_id: UUID, user_id: UUID | None = None) -> PromptJob | None:
        """The job, or None; with a user, somebody else's job counts as missing."""
        row = await self.database.row("find_job", job_id, user_id)
        return job_from_row(row) if row else None

    async def find_versions(self, job_ids: Sequence[UUID]) -> dict[UUID, tuple[Status, datetime]]:
        """Status and time of the last change of each job that still exists."""
        rows = await self.database.rows("find_versions", list(job_ids))
        return {row["id"]: (Status(row["status"]), row["changed_at"]) for row in rows}

    async def place(self, job_id: UUID) -> Place | None:
        """Where the job waits, or None when it does not."""
        row = await self.database.row("place", job_id)
        return Place(**dict(row)) if row and row["ahead"] is not None else None

    async def list_jobs(
        self, which: Filter, limit: int, after: tuple[datetime, UUID] | None = None
    ) -> list[PromptJob]:
        """Newest first; `after` is the (created_at, id) of the last job of the page before."""
        created_at, job_id = after or (None, None)
        rows = await self.database.rows(
            "list_jobs",
            which.user_id,
            which.status,
            which.row_id,
            which.created_after,
            created_at,
            job_id,
            limit,
        )
        return [job_from_row(row) for row in rows]

    async def events(self, job_id: UUID) -> list[Mapping[str, Any]]:
        """The timeline of a job, oldest first: id, kind, data, created_at."""
        return [dict(row) for row in await self.database.rows("events_of_job", job_id)]

    async def calls(self, job_id: UUID) -> list[Mapping[str, Any]]:
        """The paid calls made for a job, oldest first, as the ledger has them."""
        return [dict(row) for row in await self.database.rows("calls_of_job", job_id)]

    async def claim(
        self,
        limit: int,
        worker: str,
        lease_seconds: float,
        *,
        attempt_seconds: float | None = None,
        models: Sequence[str] = (),
    ) -> list[Claim]:
        """Take up to `limit` jobs, most urgent first; each comes with its lease token.

        No heartbeat keeps a lease longer than `attempt_seconds`. Nothing is taken while the queue
        or all of `models` are paused.
        """
        rows = await self.database.rows(
            "claim", limit, worker, lease_seconds, attempt_seconds, list(models), is_on()
        )
        return [claim_from_row(row) for row in rows]

    async def held_back(self, model: str) -> float | None:
        """Seconds until the gate of the model gives jobs out; None: it does, or nothing waits."""
        row = await self.database.row("held_back", model)
        return row["seconds"] if row else None

    async def heartbeat(self, tokens: Mapping[UUID, UUID], lease_seconds: float) -> set[UUID]:
        """Renew leases (job id -> token); returns the jobs that are still held."""
        rows = await self.database.rows(
            "heartbeat", list(tokens), list(tokens.values()), lease_seconds
        )
        return {row["job_id"] for row in rows}

    async def settle(self, outcomes: Sequence[JsonObject]) -> list[Settled]:
        """Propose outcomes (see settle_prompt_jobs); SQL decides which of them still count."""
        rows = await self.database.rows("settle", list(outcomes))
        return [
            Settled(
                job_id=row["job_id"],
                applied=row["applied"],
                status=Status(row["status"]) if row["status"] else None,
            )
            for row in rows
        ]

    async def begin_calls(self, calls: Sequence[JsonObject]) -> dict[UUID, Ruling]:
        """Commit intents; what was ruled, by call id."""
        rows = await self.database.rows("begin_calls", list(calls))
        return {
            row["call_id"]: Ruling(
                verdict=row["verdict"],
                wait_seconds=row["wait_seconds"],
                outage_seconds=row["outage_seconds"],
                send_in=row["send_in"],
                gate_seconds=row["gate_seconds"],
                day_left_seconds=row["day_left_seconds"],
            )
            for row in rows
        }

    async def end_calls(self, ends: Sequence[CallEnd]) -> None:
        """Write how paid calls ended."""
        await self.database.rows("end_calls", [call_end_as_json(end) for end in ends])

    async def cancel(self, job_id: UUID, user_id: UUID | None = None) -> CancelReceipt:
        """Cancel a job, at once and for good; the receipt says what had been spent."""
        row = await self.database.row("cancel", job_id, user_id)
        assert row is not None  # noqa: S101 - the function always returns a row
        saved = None
        if row["status"] == Status.CANCELLED:
            saved = await self.database.row("saved_by_cancel", job_id)
        return CancelReceipt(
            outcome=row["outcome"],
            status=Status(row["status"]) if row["status"] else None,
            spent_usd=row["spent_usd"],
            calls=row["calls"],
            call_in_flight=row["call_in_flight"],
            saved_usd=saved["saved_usd"] if saved else None,
        )

    async def retry(self, job_id: UUID, user_id: UUID | None, actor: str) -> str:
        """Reopen a failed job: retried, not_failed, not_found or too_many_queued."""
        row = await self.database.row("retry", job_id, user_id, actor)
        return str(row["outcome"]) if row else "not_found"

    async def supply(
        self, job_id: UUID, prompt: str, user_id: UUID | None, actor: str, *, successor: bool
    ) -> Supplied:
        """Give a job a prompt written by hand, see supply_prompt()."""
        row = await self.database.row("supply_prompt", job_id, prompt, user_id, actor, successor)
        assert row is not None  # noqa: S101 - the function always returns a row
        return Supplied(**dict(row))

    async def stats(self) -> QueueStats:
        """The numbers of get_prompt_queue_stats()."""
        row = await self.database.row("stats")
        assert row is not None  # noqa: S101 - an aggregate always has a row
        values = dict(row)
        for name in ("avg_wait_time_seconds", "avg_processing_seconds", "oldest_queued_seconds"):
            values[name] = None if values[name] is None else float(values[name])
        return QueueStats(**values)
