"""What workers tell each other through the database: who lives, who is silent, who is alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from prompt_queue.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSeen:
    """A worker process; `silent_seconds` since its last sign of life."""

    worker: str
    host: str
    pid: int
    concurrency: int
    busy: int
    started_at: datetime
    silent_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """Version, clock (Unix seconds) and connections of the server."""

    version: str
    version_number: int
    clock_seconds: float
    max_connections: int
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a look at the queue found: leases freed, delayed jobs woken, jobs left to claim."""

    freed: int
    woken: int
    waiting: bool
    capped: bool
    pictures: bool
    webhooks: bool

    @property
    def something_to_claim(self) -> bool:
        """A claim may find a job; one that is capped is let in by a claim alone."""
        found = self.freed or self.woken or self.waiting or self.capped or self.pictures
        return bool(found or self.webhooks)


class WorkerStore:
    """Signs of life, clean-up and single flight."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def seen(self, worker: str, host: str, pid: int, concurrency: int, busy: int) -> None:
        """Say that this worker lives."""
        await self._database.rows("worker_seen", worker, host, pid, concurrency, busy)

    async def gone(self, worker: str) -> None:
        """Say that this worker has stopped."""
        await self._database.rows("worker_gone", worker)

    async def workers(self) -> list[WorkerSeen]:
        """Every worker that was seen within a day."""
        return [WorkerSeen(**dict(row)) for row in await self._database.rows("workers")]

    async def free_expired_leases(self) -> int:
        """Take jobs away from silent workers; returns how many."""
        row = await self._database.row("free_expired_leases")
        return int(row[0]) if row else 0

    async def look_after(self) -> Sight:
        """Free expired leases, wake delayed jobs, and say what is there: one statement."""
        row = await self._database.row("look_after")
        assert row is not None  # noqa: S101 - a query without FROM has one row
        return Sight(**dict(row))

    async def renew_queue(self) -> bool:
        """Write the queue's table anew where an old snapshot keeps its dead rows."""
        row = await self._database.row("renew_queue")
        return bool(row and row["renewed"])

    async def readmit(self) -> int:
        """Give open jobs without a place in the queue one; returns how many."""
        row = await self._database.row("readmit")
        return int(row["readmitted"]) if row else 0

    async def prune_idempotency_keys(self) -> None:
        """Forget keys that are older than their 24 hours."""
        await self._database.rows("prune_idempotency_keys")

    async def note_partials(self, partials: Sequence[Mapping[str, Any]]) -> None:
        """Show what models have written so far, see note_prompt_partials()."""
        await self._database.rows("note_partials", list(partials))

    async def prune_partials(self) -> int:
        """Forget texts of calls that are over; returns how many."""
        row = await self._database.row("prune_partials")
        return int(row["pruned"]) if row else 0

    async def prune_cache(self) -> None:
        """Forget prompts that may not be given again any more."""
        await self._database.rows("prune_cache")

    async def take_singleton(self, name: str, seconds: float) -> UUID | None:
        """The right to be alone with `name` for a while, or None while another has it."""
        row = await self._database.row("take_singleton", name, seconds, uuid4())
        return row["token"] if row else None

    async def release_singleton(self, name: str, token: UUID) -> None:
        """Give the right back early."""
        await self._database.rows("release_singleton", name, token)

    async def facts(self) -> DatabaseFacts:
        """Version, clock and connections of the database server."""
        row = await self._database.row("database_facts")
        assert row is not None  # noqa: S101 - a query without FROM has one row
        return DatabaseFacts(**dict(row))
