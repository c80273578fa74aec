"""What is said about waits, from a look at the queue that serves everybody for a second."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from prompt_queue.api.estimates import Estimates
from prompt_queue.jobs.outlook import Outlook
from prompt_queue.store.prompt_store import QueueStats

_FRESH_SECONDS = 1.0
_SHARE_OF_TIME = 0.05
"""Looking takes at most so much of the time, however long a look takes."""


class Forecasts:
    """Looks again when the last look is too old."""

    def __init__(
        self, estimates: Estimates, look: Callable[[QueueStats], Awaitable[Outlook]]
    ) -> None:
        self._estimates = estimates
        self._look = look
        self._lock = asyncio.Lock()
        self._good_until = float("-inf")
        self._outlook: Outlook | None = None

    async def outlook(self) -> Outlook:
        """How things stand. Raises DatabaseUnavailable."""
        async with self._lock:
            began = time.monotonic()
            if self._outlook is None or began > self._good_until:
                self._outlook = await self._look(await self._estimates.recent())
                ended = time.monotonic()
                self._good_until = ended + max(_FRESH_SECONDS, (ended - began) / _SHARE_OF_TIME)
            return self._outlook

    def forget(self) -> None:
        """Look again for whoever asks next."""
        self._good_until = float("-inf")
        self._estimates.forget()
