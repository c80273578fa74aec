"""Waits for a database that is away, because what is to be written is worth the wait."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from prompt_queue.store.database import DatabaseUnavailable
from prompt_queue.telemetry import Event, log

RECONNECT_SECONDS = 2.0

Result = TypeVar("Result")


async def patiently(act: Callable[[], Awaitable[Result]]) -> Result:
    """Repeat an act that may be repeated until the database has answered, or until cancelled."""
    while True:
        try:
            return await act()
        except DatabaseUnavailable as error:
            log(Event.DATABASE_AWAY, level="warning", reason=str(error))
            await asyncio.sleep(RECONNECT_SECONDS * random.uniform(0.5, 1))  # noqa: S311
