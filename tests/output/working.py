"""A worker in the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prompt_queue.settings import Settings
from prompt_queue.store.database import Database
from prompt_queue.worker.run import crew


@asynccontextmanager
async def working(settings: Settings, database: Database) -> AsyncIterator[None]:
    """A worker for prompts, pictures and webhooks."""
    async with crew(settings, database) as parts:
        loops = (parts.loop, parts.deliveries)
        tasks = [asyncio.create_task(loop.run()) for loop in loops]
        caring = asyncio.create_task(parts.janitor.run())
        parts.heartbeat.start()
        try:
            yield
        finally:
            for loop in loops:
                loop.stop()
            await asyncio.gather(*tasks)
            caring.cancel()
            await asyncio.gather(caring, return_exceptions=True)
            await asyncio.to_thread(parts.heartbeat.stop)
