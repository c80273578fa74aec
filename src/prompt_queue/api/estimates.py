"""How long a job will wait, from numbers that are at most a second old."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from prompt_queue.store.prompt_store import QueueStats

_FRESH_SECONDS = 1.0
_LONGEST_POLL_SECONDS = 30


class Estimates:
    """One look at the statistics serves everybody who asks meanwhile."""

    def __init__(self, read: Callable[[], Awaitable[QueueStats]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._stats: QueueStats | None = None

    async def stats(self, max_age: float = 0.0) -> QueueStats:
        """Statistics from a look that began at most `max_age` seconds ago.

        Raises DatabaseUnavailable.
        """
        good_from = time.monotonic() - max_age
        async with self._lock:
            if self._stats is None or self._asked_at < good_from:
                asked_at = time.monotonic()
                self._stats = await self._read()
                self._asked_at = asked_at
            return self._stats

    async def recent(self) -> QueueStats:
        """Statistics that are good enough for an estimate. Raises DatabaseUnavailable."""
        return await self.stats(_FRESH_SECONDS)

    def forget(self) -> None:
        """Look again for whoever asks next."""
        self._stats = None


def poll_after(seconds: int) -> int:
    """Seconds after which it is worth asking again about a job with this estimate."""
    return max(1, min(seconds, _LONGEST_POLL_SECONDS))
