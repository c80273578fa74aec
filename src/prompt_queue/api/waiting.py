"""Requests that wait for a job: one question to the database for all of them together."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from prompt_queue.store.database import DatabaseRefused, DatabaseUnavailable


class Standing(Protocol):
    """Where something stands."""

    @property
    def is_final(self) -> bool: ...


Version = tuple[Standing, datetime]
_INTERVAL_SECONDS = 0.25


@dataclass(eq=False, slots=True)
class _Waiter:
    job_id: UUID
    seen: Version | None
    over: asyncio.Event

    def is_served_by(self, version: Version | None) -> bool:
        if version is None or version[0].is_final:
            return True
        return self.seen is not None and version != self.seen


class JobWatch:
    """Asks for the versions of all waited-for jobs every 250 ms, while anybody waits."""

    def __init__(
        self, find_versions: Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, Version]]]
    ) -> None:
        self._find_versions = find_versions
        self._waiters: set[_Waiter] = set()
        self._polling: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiters)

    async def until_final(self, job_id: UUID, seconds: float) -> None:
        """Return when the job is final or gone, after `seconds`, or when the server stops."""
        await self._wait(_Waiter(job_id, None, asyncio.Event()), seconds)

    async def until_changed(self, job_id: UUID, seen: Version, seconds: float) -> None:
        """Like `until_final`, but any version other than `seen` will do."""
        await self._wait(_Waiter(job_id, seen, asyncio.Event()), seconds)

    def stop(self) -> None:
        """Let everybody go, now and from now on: the server is about to stop."""
        self._stopped = True
        for waiter in self._waiters:
            waiter.over.set()

    async def close(self) -> None:
        """Stop, and end the poller."""
        self.stop()
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    async def _wait(self, waiter: _Waiter, seconds: float) -> None:
        if self._stopped or seconds <= 0:
            return
        self._waiters.add(waiter)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(seconds):
                await waiter.over.wait()
        except TimeoutError:
            return
        finally:
            self._waiters.discard(waiter)

    async def _poll(self) -> None:
        while self._waiters and not self._stopped:
            asked = tuple(self._waiters)
            try:
                versions = await self._find_versions(list({w.job_id for w in asked}))
            except (DatabaseUnavailable, DatabaseRefused):
                # Whoever waits reads the job once more at the end, and gets the answer there.
                await asyncio.sleep(1)
                continue
            for waiter in asked:
                if waiter.is_served_by(versions.get(waiter.job_id)):
                    waiter.over.set()
                    self._waiters.discard(waiter)
            await asyncio.sleep(_INTERVAL_SECONDS)
