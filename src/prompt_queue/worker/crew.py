"""A crew, and the two ways to run it: until a signal, or for one bounded pass."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from prompt_queue.failpoints import reached
from prompt_queue.jobs.tick import TickReport
from prompt_queue.store.database import Database, Listener
from prompt_queue.store.picture_store import PictureStore
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.telemetry import Event, log
from prompt_queue.worker.collector import calm_collector
from prompt_queue.worker.heartbeat import Heartbeat
from prompt_queue.worker.janitor import Janitor
from prompt_queue.worker.leases import HeldLeases
from prompt_queue.worker.loop import WorkLoop
from prompt_queue.worker.model_watch import ModelWatch

BETWEEN_LOOKS_SECONDS = 0.5
LAST_WEBHOOKS_SECONDS = 2.0
"""What ended last is told of at once, for this long even past the budget."""


@dataclass(frozen=True, slots=True)
class Crew:
    """A loop for jobs, one for webhooks, their janitor and the leases of jobs, ready to run."""

    loop: WorkLoop
    deliveries: WorkLoop
    janitor: Janitor
    leases: HeldLeases
    heartbeat: Heartbeat
    model_watch: ModelWatch
    name: str


def both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    """Calls one and then the other."""

    def call() -> None:
        first()
        second()

    return call


async def run_crew(parts: Crew, database: Database) -> None:
    """Work until SIGTERM or SIGINT; a second signal hurries."""
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        for one in (parts.loop, parts.deliveries):
            if stopping.is_set():
                one.hurry()
            one.stop()
        stopping.set()

    stopping = asyncio.Event()
    wake = both(parts.loop.wake, parts.deliveries.wake)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    listener = Listener(database.direct_dsn, wake, writers_dsn=database.dsn)
    background = [
        asyncio.create_task(listener.run()),
        asyncio.create_task(parts.janitor.run(lambda: listener.hears)),
        asyncio.create_task(parts.model_watch.run()),
    ]
    for task in background:
        # A worker that cannot look any more would live on and do nothing.
        task.add_done_callback(lambda _: parts.loop.stop())
    calm_collector()
    parts.heartbeat.start()
    delivering = asyncio.create_task(parts.deliveries.run())
    delivering.add_done_callback(lambda _: parts.loop.stop())
    log(Event.WORKER_STARTED, worker=parts.name, pid=os.getpid())
    try:
        await parts.loop.run()
    finally:
        parts.deliveries.stop()
        await asyncio.wait({delivering})
        for task in background:
            task.cancel()
        endings = await asyncio.gather(delivering, *background, return_exceptions=True)
        await asyncio.to_thread(parts.heartbeat.stop)
        log(Event.WORKER_STOPPED, worker=parts.name, tally=dict(parts.loop.tally))
    for ending in endings:
        if isinstance(ending, Exception):
            raise ending


async def tick(
    opening: AbstractAsyncContextManager[Crew], database: Database, budget_seconds: float
) -> TickReport:
    """Work for at most so long, and say what was done."""
    begun = time.monotonic()
    async with opening as parts:
        rescued = await parts.janitor.clean()
        await parts.janitor.forget()
        await parts.janitor.watch()
        await parts.model_watch.recall()
        reached("cron.claimed")
        parts.heartbeat.start()
        try:
            working = asyncio.create_task(parts.loop.run_until_empty(budget_seconds))
            try:
                await _deliver_meanwhile(parts.deliveries, working, begun + budget_seconds)
            finally:
                await working
        finally:
            await asyncio.to_thread(parts.heartbeat.stop)
        await parts.janitor.score()
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
        webhooks=parts.deliveries.tally["delivered"],
        duration_ms=round((time.monotonic() - begun) * 1000),
        more_work=stats.total_queued > 0 or pictures_left,
    )


async def _deliver_meanwhile(
    deliveries: WorkLoop, working: "asyncio.Task[None]", end: float
) -> None:
    """Send what is due until the jobs are done, and then what their end has brought."""
    while not working.done() and (left := end - time.monotonic()) > 0:
        await deliveries.run_until_empty(left)
        await asyncio.wait({working}, timeout=BETWEEN_LOOKS_SECONDS)
    await deliveries.run_until_empty(max(end - time.monotonic(), LAST_WEBHOOKS_SECONDS))
