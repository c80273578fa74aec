"""What the operator's pages look at and press: one short method per statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from prompt_queue.jobs.measures import Lane
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import JsonObject

Kind = Literal["prompt", "picture"]
Act = Literal["retry", "cancel", "hasten"]
LOOKED_AT = 5000
"""Jobs that a page of the list looks at, at most; see find_prompt_jobs()."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs of anybody; None means any. Priorities from and to are both meant.

    `ids` are the first and the last UUID that the job, its row or its user may have; `words` are
    within the error or the prompt.
    """

    status: str | None = None
    priorities: tuple[int, int] | None = None
    model: str | None = None
    source: str | None = None
    error_code: str | None = None
    user_id: UUID | None = None
    row_id: UUID | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    words: str | None = None
    ids: tuple[UUID, UUID] | None = None

    def as_json(self) -> JsonObject:
        """The argument of find_prompt_jobs() and find_picture_jobs()."""
        low, high = self.priorities or (None, None)
        first, last = self.ids or (None, None)
        values = {
            "status": self.status, "priority_from": low, "priority_to": high,
            "model": self.model, "source": self.source, "error_code": self.error_code,
            "user_id": self.user_id, "row_id": self.row_id,
            "created_after": self.created_after and self.created_after.isoformat(),
            "created_before": self.created_before and self.created_before.isoformat(),
            "words": self.words, "id_from": first, "id_to": last,
        }  # fmt: skip
        plain = {name: value for name, value in values.items() if value is not None}
        return {k: str(v) if isinstance(v, UUID) else v for k, v in plain.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """A job in an operator's list; `source` is None for pictures."""

    id: UUID
    user_id: UUID
    row_id: UUID | None
    status: str
    priority: int
    model: str | None
    source: str | None
    error_code: str | None
    error: str | None
    retry_count: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    next_attempt_at: datetime | None
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class JobLines:
    """A page; `go_on` is the (created_at, id) after which there may be more."""

    lines: Sequence[JobLine]
    go_on: tuple[datetime, UUID] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What a worker has in its hands; `since_seconds` since it took it."""

    worker: str | None
    job_id: UUID
    kind: Kind
    user_id: UUID
    priority: int
    model: str | None
    since_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Calls to a model since midnight UTC; `unresolved` are those without an answer."""

    leg: str
    provider: str
    model: str
    calls: int
    unresolved: int
    usd: Decimal
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedAct:
    """What an operator, or the breaker itself, did; `about` where it was about no model."""

    id: int
    at: datetime
    actor: str
    act: str
    model: str | None
    about: str | None
    reason: str | None
    detail: JsonObject = field(default_factory=dict)


class OpsStore:
    """Looks at everybody's jobs, and acts on them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def now(self) -> datetime:
        """The database's time."""
        row = await self._database.row("ops_now")
        assert row is not None  # noqa: S101 - a query of one value has a row
        now: datetime = row["now"]
        return now

    async def lanes(self) -> list[Lane]:
        """Prompt jobs that have not ended, by state and priority."""
        return [Lane(*row) for row in await self._database.rows("ops_lanes")]

    async def pictures(self) -> Mapping[str, int]:
        """Pictures that have not ended, by status."""
        return {row["status"]: row["pictures"] for row in await self._database.rows("ops_pictures")}

    async def minutes(self, now: datetime) -> Mapping[tuple[datetime, str], int]:
        """How many events of each kind there were, by minute, in the 60 full minutes before."""
        await self._database.rows("sum_up")
        rows = await self._database.rows("ops_minutes", now)
        return {(row["minute"], row["name"]): row["value"] for row in rows}

    async def past(
        self, now: datetime, seconds: float, names: Sequence[str]
    ) -> Mapping[tuple[str, str], int]:
        """What was counted within so many seconds, by name and label."""
        rows = await self._database.rows("ops_past", now, seconds, list(names))
        return {(row["name"], row["label"]): row["value"] for row in rows}

    async def spent_today(self) -> list[Spent]:
        """Since midnight UTC, the dearest first."""
        return [Spent(**dict(row)) for row in await self._database.rows("ops_spend")]

    async def permits_used(self) -> Mapping[str, int]:
        """Calls within the last minute, by model."""
        return {row["model"]: row["used"] for row in await self._database.rows("ops_permits")}

    async def doing(self) -> list[Doing]:
        """What is in the hands of workers."""
        return [Doing(**dict(row)) for row in await self._database.rows("ops_doing")]

    async def jobs(
        self, kind: Kind, which: JobFilter, limit: int, after: tuple[datetime, UUID] | None = None
    ) -> JobLines:
        """Newest first; few may fit of those that were looked at, and there be more to look at."""
        created_at, job_id = after or (None, None)
        rows = await self._database.rows(
            f"ops_{kind}_jobs", which.as_json(), limit + 1, created_at, job_id
        )
        names = JobLine.__slots__
        lines = [JobLine(**{n: row[n] for n in names}) for row in rows if row["user_id"]]
        if len(lines) > limit:
            return JobLines(lines[:limit], (lines[limit - 1].created_at, lines[limit - 1].id))
        looked = rows[0]
        more = looked["looked_at"] >= LOOKED_AT
        return JobLines(lines, (looked["last_created_at"], looked["last_id"]) if more else None)

    async def events(self, ids: Sequence[UUID]) -> list[Mapping[str, Any]]:
        """What happened to jobs, oldest first."""
        return [dict(row) for row in await self._database.rows("ops_events", list(ids))]

    async def calls(self, ids: Sequence[UUID]) -> list[Mapping[str, Any]]:
        """The paid calls of prompts and pictures, oldest first."""
        return [dict(row) for row in await self._database.rows("ops_calls", list(ids))]

    async def dependents(self, prompt_job_id: UUID) -> list[UUID]:
        """Jobs whose pictures are made with this prompt."""
        return [row["job_id"] for row in await self._database.rows("ops_dependents", prompt_job_id)]

    async def operate(
        self, act: Act, job_ids: Sequence[UUID], actor: str, reason: str | None
    ) -> Mapping[UUID, str]:
        """What is asked for, on each job; outcomes as operate_on_jobs() has them."""
        rows = await self._database.rows("operate_on_jobs", act, list(job_ids), actor, reason)
        return {row["job_id"]: row["outcome"] for row in rows}

    async def audit(self, limit: int, before: int | None = None) -> list[LoggedAct]:
        """What was done, the latest first; `before` is the number of the last act of a page."""
        rows = await self._database.rows("ops_audit", before, limit)
        return [LoggedAct(**dict(row)) for row in rows]
