"""What all scenarios share: the sides with their databases, and rounds that take turns."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from benchmarks.queue.crew import Crew
from benchmarks.queue.plan import Plan
from benchmarks.queue.results import Book
from benchmarks.queue.server import Server
from benchmarks.queue.sides import MIXED, PROCRASTINATE, Mix, Side, side

FILL = 5_000
LOOK_SECONDS = 0.004
DRAIN_SECONDS = 600.0
XACTS = "select xact_commit from pg_stat_database where datname = current_database()"
WAL_POSITION = "select (pg_current_wal_insert_lsn() - '0/0')::bigint"
OTHERS = """
select count(*) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""


@dataclass(slots=True)
class Stand:
    """A side with its database and the harness's own connection to it."""

    name: str
    side: Side
    dsn: str
    connection: asyncpg.Connection

    @property
    def is_slow(self) -> bool:
        """It gets fewer jobs, since it would need minutes for all."""
        return self.name == PROCRASTINATE

    async def clear(self) -> None:
        """An empty queue, and nothing left to write from the round before."""
        await self.side.clear(self.connection)
        await self.connection.execute("checkpoint")

    async def fill(self, jobs: int, mix: Mix = MIXED) -> None:
        """Queue jobs, and let the planner and the vacuum see them."""
        async with self.side.enqueuer(self.dsn) as enqueuer:
            for begin in range(0, jobs, FILL):
                await enqueuer.many(range(begin, min(begin + FILL, jobs)), mix)
        await self.connection.execute("vacuum analyze")

    async def wal_position(self) -> int:
        """Bytes of write-ahead log so far."""
        found: int = await self.connection.fetchval(
            "select (pg_current_wal_insert_lsn() - '0/0')::bigint"
        )
        return found

    async def transactions(self) -> int:
        """Commits so far, once every other connection has reported its own."""
        while await self.connection.fetchval(OTHERS):
            await asyncio.sleep(0.05)
        found: int = await self.connection.fetchval(XACTS)
        return found


@dataclass(slots=True)
class Bench:
    """One run."""

    server: Server
    plan: Plan
    stands: Sequence[Stand]
    book: Book = field(default_factory=Book)

    def turns(self) -> Iterator[Stand]:
        """Each side once a round; another one begins each time."""
        for round_number in range(self.plan.rounds):
            first = round_number % len(self.stands)
            yield from self.stands[first:]
            yield from self.stands[:first]


@asynccontextmanager
async def bench(server: Server, plan: Plan, names: Sequence[str]) -> AsyncIterator[Bench]:
    """Databases for these sides, and a book to write into."""
    stands = []
    for name in names:
        await server.install(name)
        connection = await asyncpg.connect(server.dsn(name))
        stands.append(Stand(name, side(name), server.dsn(name), connection))
    try:
        yield Bench(server, plan, stands)
    finally:
        for stand in stands:
            await stand.connection.close()


async def drain(stand: Stand, crew: Crew, jobs: int) -> tuple[int, float]:
    """Let the workers go until at least so many jobs are finished: how many were, and seconds."""
    mark = await stand.side.mark(stand.connection)
    began = time.perf_counter()
    crew.go()
    async with asyncio.timeout(DRAIN_SECONDS):
        while crew.handled < jobs:
            crew.check()
            await asyncio.sleep(LOOK_SECONDS)
        while True:
            settled = await stand.side.settled_since(stand.connection, mark)
            taken = time.perf_counter() - began
            if settled is None:
                return crew.handled, taken
            if settled >= jobs:
                return settled, taken
            await asyncio.sleep(LOOK_SECONDS)
