"""What happened to jobs, for whoever watches them: one short method per statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from prompt_queue.jobs.job import PromptJob
from prompt_queue.store.database import Database
from prompt_queue.store.rows import job_from_row

FURTHEST_BACK = 10_000
"""Events that a reader is helped to catch up with; who is further behind looks at the jobs anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Something that happened to a job: its own, that of its pictures, or that of its prompt."""

    id: int
    job_id: UUID
    user_id: UUID
    kind: str
    data: Mapping[str, Any]
    created_at: datetime

    @property
    def is_about_pictures(self) -> bool:
        """Whether `job_id` is that of a job that becomes pictures."""
        return self.kind.startswith("picture_") or self.kind == "projection_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Events that had not been seen, oldest number first, and what has been seen with them.

    `server` changes when another PostgreSQL answers, for which `seen` means nothing. `too_many`:
    the events are not all there.
    """

    seen: str
    server: str
    events: Sequence[JobEvent]
    too_many: bool


class EventStore:
    """Events as they are told to clients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def after(
        self, seen: str | None, job_ids: Sequence[UUID], user_ids: Sequence[UUID]
    ) -> News:
        """Each event of these jobs and users that a look with `seen` as result did not show.

        Without `seen` none, but where to begin. Raises DatabaseUnavailable, DatabaseRefused.
        """
        rows = await self._database.rows(
            "events_after", seen, list(job_ids), list(user_ids), FURTHEST_BACK + 1
        )
        events = [_event(row) for row in rows if row["id"] is not None]
        return News(
            seen=rows[0]["seen"],
            server=rows[0]["server"],
            events=sorted(events, key=lambda event: event.id),
            too_many=len(events) > FURTHEST_BACK,
        )

    async def is_known(self, event_id: int) -> bool:
        """Whether it can be said what came after the event."""
        row = await self._database.row("event_is_known", event_id)
        return row is not None and row["known"]

    async def newest(self) -> int:
        """The largest number of an event; 0 where there is none."""
        row = await self._database.row("newest_event")
        return row["id"] if row else 0

    async def ids_of_jobs(self, job_ids: Sequence[UUID]) -> list[int]:
        """The numbers of all events about these jobs, in their order."""
        return [row["id"] for row in await self._database.rows("event_ids_of_jobs", list(job_ids))]

    async def of_jobs_since(self, job_ids: Sequence[UUID], event_id: int) -> list[JobEvent]:
        """What somebody may not have seen of these jobs whose last event was a known one."""
        rows = await self._database.rows("events_of_jobs_since", list(job_ids), event_id)
        return [_event(row) for row in rows]

    async def of_user_since(self, user_id: UUID, event_id: int) -> list[JobEvent] | None:
        """The same for all jobs of a user; None where there is too much to look through."""
        rows = await self._database.rows(
            "events_of_user_since", event_id, user_id, FURTHEST_BACK + 1
        )
        if rows[0]["looked_at"] > FURTHEST_BACK:
            return None
        return [_event(row) for row in rows if row["id"] is not None]

    async def prompt_jobs(self, job_ids: Sequence[UUID]) -> dict[UUID, PromptJob]:
        """Those of the jobs that exist."""
        rows = await self._database.rows("watched_jobs", list(job_ids))
        return {row["id"]: job_from_row(row) for row in rows}

    async def texts_so_far(self, job_ids: Sequence[UUID]) -> dict[UUID, str]:
        """What models have written of prompts that are on their way."""
        rows = await self._database.rows("texts_so_far", list(job_ids))
        return {row["job_id"]: row["partial"] for row in rows}

    async def open_jobs(self, user_id: UUID) -> list[PromptJob]:
        """The open ones, at most 100, among the newest 1,000 jobs of a user."""
        return [job_from_row(row) for row in await self._database.rows("open_jobs", user_id)]

    async def open_picture_jobs(self, user_id: UUID) -> list[UUID]:
        """Ids of the open ones, at most 100, among the newest 1,000 pictures of a user."""
        rows = await self._database.rows("open_picture_jobs", user_id)
        return [row["job_id"] for row in rows]


def _event(row: asyncpg.Record) -> JobEvent:
    return JobEvent(**{name: row[name] for name in JobEvent.__slots__})
