"""A campaign's world: database, provider, pictures, workers, and the client that puts jobs in."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from lab.client import Client
from lab.cluster import DurableCluster
from lab.collect import collect
from lab.forks import Forks
from lab.logs import Election, Harm, Logs
from lab.undo import Forgotten, remembered_calls, remembered_lines, too_many_between
from prompt_queue.settings import Settings, load_settings
from prompt_queue.store.database import Database, DatabaseUnavailable
from prompt_queue.store.migrate import migrate, read_migrations
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.testing import PictureServer, StandIn

LEASE_SECONDS = 1.0
DRAIN_SECONDS = 120.0
LATENCY_SECONDS = 0.15
_LOOK_SECONDS = 0.1
_SEED = """
with owner as (insert into auth.users default values returning id),
model as (insert into public.models (user_id, name) select id, 'lab' from owner returning id)
insert into public.model_rows (model_id, user_id) select model.id, owner.id from model, owner
returning id, user_id
"""
_OPEN = """
select count(*) from public.prompt_generation_jobs
where status not in ('completed', 'failed', 'cancelled')
"""


class Cluster(Protocol):
    """A database in a folder that is gone when it is closed."""

    folder: Path

    @property
    def dsn(self) -> str:
        """Where clients connect."""

    def close(self) -> None:
        """Stop, and remove the folder."""


@dataclass
class Rig:
    """The world, and everything done to it that the checker has to know.

    `owner` and `row` are for who enqueues past the client.
    """

    cluster: Any
    stand_in: StandIn
    pictures: PictureServer
    forks: Forks
    database: Database
    client: Client
    settings: Settings
    random: random.Random
    owner: UUID
    row: UUID
    clock_offset: float
    history: Path
    surprises: list[str] = field(default_factory=list)
    elections: list[Election] = field(default_factory=list)
    harms: list[Harm] = field(default_factory=list)
    forgotten: list[Forgotten] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)

    def harmed(self, at: float, pid: int | None = None) -> None:
        """A worker was hit at this monotonic time; with None: the database is back since then."""
        self.harms.append(Harm(at + self.clock_offset, pid))

    def elected(self, name: str, winners: list[str]) -> None:
        """Note who was given a right that only one may have."""
        self.elections.append(Election(name, tuple(winners)))

    async def enqueue(
        self, count: int = 1, *, key: str | None = None, through: Database | None = None
    ) -> None:
        """Put jobs in one by one, over another connection pool if one is given."""
        for _ in range(count):
            await self.client.enqueue(through or self.database, key)

    @asynccontextmanager
    async def crew(self, size: int, **other_settings: Any) -> AsyncIterator[list[int]]:
        """Workers that are retired at the end; who replaces one changes the list."""
        pids = [await self.forks.start(**other_settings) for _ in range(size)]
        try:
            yield pids
        finally:
            await self.forks.retire(pids)

    @asynccontextmanager
    async def load(self, open_jobs: int, through: Database | None = None) -> AsyncIterator[None]:
        """While the block runs the queue is topped up to so many jobs that are not final."""

        async def top_up() -> None:
            store = PromptStore(self.database)
            while True:
                with suppress(DatabaseUnavailable):
                    stats = await store.stats()
                    missing = open_jobs - stats.total_queued - stats.total_processing
                    await self.enqueue(missing, through=through)
                await asyncio.sleep(_LOOK_SECONDS)

        topping_up = asyncio.create_task(top_up())
        try:
            yield
        finally:
            topping_up.cancel()
            await asyncio.wait({topping_up})
            if not topping_up.cancelled():
                topping_up.result()

    async def drain(self) -> None:
        """Let healthy workers finish everything; returns when all is final, or time is up."""
        self.stand_in.clear_faults()
        until = time.monotonic() + DRAIN_SECONDS
        async with self.crew(2):
            while time.monotonic() < until:
                if await self.look(_OPEN) == 0:
                    break
                await asyncio.sleep(0.2)

    async def look(self, query: str) -> Any:
        """One value, over a connection of its own."""
        connection = await asyncpg.connect(self.cluster.dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    async def logs(self) -> Logs:
        """The three logs, for the checker."""
        calls = self.stand_in.calls()
        known = remembered_calls(calls, self.forgotten)
        lines = remembered_lines(self.said(), self.forgotten)
        logs = await collect(self.cluster.dsn, lines, known, self.harms)
        logs.elections = self.elections
        logs.surprises = self.surprises + self.client.surprises + self.forks.crashes
        logs.surprises += too_many_between(calls, self.forgotten)
        return logs

    def said(self) -> list[str]:
        """The client's history up to now."""
        return self.history.read_text().splitlines() if self.history.exists() else []

    async def kill(self, pid: int) -> bool:
        """SIGKILL a worker and remember when; False where it had ended in another way."""
        self.forks.signal(pid, signal.SIGKILL)
        at = await self.forks.killed(pid, 5)
        if at is not None:
            self.harmed(at, pid)
        return at is not None


@asynccontextmanager
async def open_rig(
    seed: int,
    create: Callable[[], Cluster] = DurableCluster.create,
    *,
    address: str = "127.0.0.1",
    **other_settings: Any,
) -> AsyncIterator[Rig]:
    """Everything started; everything gone at the end. The settings are the workers'.

    Workers find the provider and the pictures at `address`.
    """
    cluster = await asyncio.to_thread(create)
    try:
        with (
            StandIn.start(latency_seconds=LATENCY_SECONDS, host=address) as stand_in,
            PictureServer(address) as pictures,
        ):
            await migrate(cluster.dsn, read_migrations())
            connection = await asyncpg.connect(cluster.dsn)
            try:
                await connection.execute(Path(__file__).with_name("audit.sql").read_text())
                row = await connection.fetchrow(_SEED)
                now = await connection.fetchval("select extract(epoch from clock_timestamp())")
                offset = float(now) - time.monotonic()
            finally:
                await connection.close()
            values = _values(cluster, stand_in, pictures) | other_settings
            dice = random.Random(seed)
            history = cluster.folder / "history.jsonl"
            forks = await Forks.open(values, cluster.folder / "workers.log")
            database = await Database.open(cluster.dsn)
            try:
                yield Rig(
                    cluster,
                    stand_in,
                    pictures,
                    forks,
                    database,
                    Client(cluster.dsn, pictures, history, dice),
                    load_settings({}, Path("no.env"), **values),
                    dice,
                    row["user_id"],
                    row["id"],
                    offset,
                    history,
                )
            finally:
                await forks.close()
                await database.close()
    finally:
        await asyncio.to_thread(cluster.close)


def _values(cluster: Cluster, stand_in: StandIn, pictures: PictureServer) -> dict[str, Any]:
    return {
        "xai_api_key": stand_in.api_key,
        "xai_api_base": stand_in.base_url,
        "database_url": cluster.dsn,
        "data_dir": str(cluster.folder / "workers"),
        "trusted_image_hosts": [pictures.host_port],
        "concurrency": 3,
        "lease_seconds": LEASE_SECONDS,
        "poll_seconds": 0.1,
        "drain_seconds": 3.0,
        "attempt_timeout_seconds": 5.0,
        "retry_base_delay_ms": 20,
        "retry_max_delay_ms": 200,
    }
