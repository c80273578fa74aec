"""The database's clock, asked at most once a minute."""

import time
from collections.abc import Callable, Coroutine
from typing import Any

from prompt_queue.api.deadline import within
from prompt_queue.store.database import DatabaseUnavailable

_TRUSTED_SECONDS = 60.0
_PATIENCE_SECONDS = 1.0


class DatabaseClock:
    """Unix seconds as the database has them; between two looks the machine counts on."""

    def __init__(self, read: Callable[[], Coroutine[Any, Any, float]]) -> None:
        self._read = read
        self._offset: float | None = None
        self._read_at = 0.0

    async def now(self) -> float:
        """The time. Raises DatabaseUnavailable if it was never to be had."""
        if self._offset is None or time.monotonic() - self._read_at > _TRUSTED_SECONDS:
            await self._look()
        if self._offset is None:
            raise DatabaseUnavailable("PostgreSQL does not tell the time")
        return self._offset + time.monotonic()

    async def _look(self) -> None:
        try:
            seconds = await within(_PATIENCE_SECONDS, self._read())
        except (DatabaseUnavailable, TimeoutError):
            return
        self._read_at = time.monotonic()
        self._offset = seconds - self._read_at
