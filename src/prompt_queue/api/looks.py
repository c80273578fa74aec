"""Looks at the whole queue, shared by everybody who asks at about the same time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from prompt_queue.api.deadline import within
from prompt_queue.jobs.measures import Measures
from prompt_queue.store.database import DatabaseRefused, DatabaseUnavailable

FRESH_SECONDS = 5.0
_LOOK_SECONDS = 3.0


class Looks:
    """One look at the queue serves everybody who asks within five seconds, an absence too."""

    def __init__(self, read: Callable[[], Awaitable[Measures]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._measures: Measures | None = None

    async def recent(self) -> Measures | None:
        """The measures, or None where the database does not give them within three seconds."""
        async with self._lock:
            if time.monotonic() - self._asked_at >= FRESH_SECONDS:
                self._measures = await self._look()
                self._asked_at = time.monotonic()
            return self._measures

    async def _look(self) -> Measures | None:
        async def read() -> Measures:
            return await self._read()

        try:
            return await within(_LOOK_SECONDS, read())
        except (DatabaseUnavailable, DatabaseRefused, TimeoutError):
            return None
