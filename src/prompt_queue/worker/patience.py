"""Waits for a database that is away, because what is to be written is worth the wait."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from prompt_queue.store.database import DatabaseUnavailable
from prompt_queue.telemetry import Event, log

SHORTEST_SECONDS = 0.05
FIRST_SECONDS = 0.5
LONGEST_SECONDS = 5.0

Result = TypeVar("Result")


async def patiently(act: Callable[[], Awaitable[Result]]) -> Result:
    """Repeat an act that may be repeated until the database has answered, or until cancelled."""
    longest = FIRST_SECONDS
    while True:
        try:
            return await act()
        except DatabaseUnavailable as error:
            log(Event.DATABASE_AWAY, level="warning", reason=str(error))
            # Full jitter: a fleet that lost its database together must not come back together.
            await asyncio.sleep(random.uniform(SHORTEST_SECONDS, longest))  # noqa: S311
            longest = min(longest * 2, LONGEST_SECONDS)
