"""What is compared: each side is one way to run the same jobs."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import asyncpg

OURS, BARE, PGQUEUER, PROCRASTINATE = "prompt_queue", "bare_sql", "pgqueuer", "procrastinate"
NAMES = (OURS, BARE, PGQUEUER, PROCRASTINATE)

TARGET = "https://example.com/pictures/2026/11/target.jpg"

Begin = Callable[[], None]
Work = Callable[[asyncio.Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Mix:
    """Whose jobs are queued, and with which priorities; users and priorities take turns."""

    users: int = 1000
    priorities: tuple[int, ...] = tuple(range(1, 11))

    def of(self, number: int) -> tuple[int, int]:
        """User and priority of a job."""
        turn, user = divmod(number, self.users)
        return user, self.priorities[(turn + user) % len(self.priorities)]


MIXED = Mix()
ONE_USER = Mix(users=1, priorities=(5,))


class Side(Protocol):
    """Everything that is measured; a database of its own is given with each connection or DSN."""

    async def install(self, connection: asyncpg.Connection, dsn: str) -> None:
        """Make tables and what else there has to be."""

    async def clear(self, connection: asyncpg.Connection) -> None:
        """Forget every job."""

    def enqueuer(self, dsn: str) -> AbstractAsyncContextManager["Enqueuer"]:
        """A client that is connected."""

    async def mark(self, connection: asyncpg.Connection) -> Any:
        """A point in time for `settled_since`."""

    async def settled_since(self, connection: asyncpg.Connection, mark: Any) -> int | None:
        """How many jobs were finished since, cheaply; None where that cannot be told."""

    def worker(self, dsn: str, begin: Begin) -> AbstractAsyncContextManager[Work]:
        """A connected worker whose handler calls `begin` and does nothing else."""


class Enqueuer(Protocol):
    """The client's side."""

    async def one(self, number: int, mix: Mix) -> None:
        """Queue one job in a transaction of its own."""

    async def many(self, numbers: range, mix: Mix) -> None:
        """Queue these in one transaction."""


def side(name: str) -> Side:
    """The side of that name. Imports nothing of the others, which would count in its memory."""
    found: Side = import_module(f"benchmarks.queue.sides.{name}").SIDE
    return found
