"""A crew, and one bounded pass of it for hosts where no worker runs."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from prompt_queue.failpoints import reached
from prompt_queue.jobs.tick import TickReport
from prompt_queue.store.database import Database
from prompt_queue.store.picture_store import PictureStore
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.worker.heartbeat import Heartbeat
from prompt_queue.worker.janitor import Janitor
from prompt_queue.worker.leases import HeldLeases
from prompt_queue.worker.loop import WorkLoop
from prompt_queue.worker.model_watch import ModelWatch


@dataclass(frozen=True, slots=True)
class Crew:
    """A loop with its janitor and its leases, ready to run."""

    loop: WorkLoop
    janitor: Janitor
    leases: HeldLeases
    heartbeat: Heartbeat
    model_watch: ModelWatch
    name: str


async def tick(
    opening: AbstractAsyncContextManager[Crew], database: Database, budget_seconds: float
) -> TickReport:
    """Work for at most so long, and say what was done."""
    begun = time.monotonic()
    async with opening as parts:
        rescued = await parts.janitor.clean()
        await parts.janitor.forget()
        await parts.model_watch.recall()
        reached("cron.claimed")
        parts.heartbeat.start()
        try:
            await parts.loop.run_until_empty(budget_seconds)
        finally:
            await asyncio.to_thread(parts.heartbeat.stop)
    tally = parts.loop.tally
    stats = await PromptStore(database).stats()
    pictures_left = await PictureStore(database).seconds_to_next() is not None
    return TickReport(
        claimed=tally["claimed"],
        completed=tally["done"],
        retried=tally["retry"],
        postponed=tally["postponed"],
        failed=tally["failed"],
        released=tally["released"],
        rescued=rescued,
        submitted=tally["submitted"],
        pictures=tally["succeeded"],
        duration_ms=round((time.monotonic() - begun) * 1000),
        more_work=stats.total_queued > 0 or pictures_left,
    )
