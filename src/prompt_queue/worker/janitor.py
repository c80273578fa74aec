"""Looks after the queue: dead workers, due retries, jobs that no NOTIFY told of, what is over."""

import asyncio
import random
from collections.abc import Callable

from prompt_queue.failpoints import under_way
from prompt_queue.store.database import DatabaseRefused, DatabaseUnavailable
from prompt_queue.store.operator_store import OperatorStore, Retention
from prompt_queue.store.wait_store import WaitStore
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.telemetry import Event, log
from prompt_queue.worker.alert_watch import WATCH_SECONDS, AlertWatch

RETENTION_SECONDS = 3600.0
PROMISES_DAYS = 7.0
RENEWAL_SECONDS = 1.0
SCORING_SECONDS = 2.0
IDLE_SCORING_SECONDS = 120.0
RENEWAL_CLAIMS = 500
"""So many claims of this worker leave enough dead rows that a look at them is worth a query."""


def longest_pause(lease_seconds: float, poll_seconds: float, *, hears: bool) -> float:
    """Seconds between two looks: who hears of new jobs needs to look for dead workers only."""
    # A tenth of the lease keeps recovery within 1.25 leases.
    for_the_dead = min(max(lease_seconds / 10, 0.1), 5.0)
    return for_the_dead if hears else min(for_the_dead, poll_seconds)


class Janitor:
    """Each worker has one: a dead worker is noticed by whoever is left."""

    def __init__(
        self,
        store: WorkerStore,
        operator_store: OperatorStore,
        waits: WaitStore,
        keep: Retention,
        *,
        lease_seconds: float,
        on_work: Callable[[], None],
        poll_seconds: float = 2.0,
        claimed: Callable[[], int] = lambda: 0,
        alerts: AlertWatch | None = None,
    ) -> None:
        self._store = store
        self._operator_store = operator_store
        self._waits = waits
        self._keep = keep
        self._lease_seconds = lease_seconds
        self._on_work = on_work
        self._poll_seconds = poll_seconds
        self._claimed = claimed
        self._saw_work = False
        self._alerts = alerts

    async def run(self, hears: Callable[[], bool] = lambda: False) -> None:
        """Look after the queue until cancelled; `hears` tells whether a NOTIFY would arrive."""
        async with asyncio.TaskGroup() as duties:
            # Apart: whoever prunes for minutes must not stop looking.
            duties.create_task(self._look_around(hears))
            duties.create_task(self._forget_at_times())
            duties.create_task(self._renew_at_times())
            duties.create_task(self._score_at_times())
            duties.create_task(self._watch_at_times())

    async def _look_around(self, hears: Callable[[], bool]) -> None:
        while True:
            try:
                await self.clean()
            except (DatabaseUnavailable, DatabaseRefused) as error:
                log(Event.DATABASE_AWAY, level="warning", reason=str(error))
            pause = longest_pause(self._lease_seconds, self._poll_seconds, hears=hears())
            # Below the whole, so that the claim itself still ends in time.
            await asyncio.sleep(pause * random.uniform(0.92, 0.97))  # noqa: S311

    async def _forget_at_times(self) -> None:
        while True:
            try:
                await self.forget()
            except (DatabaseUnavailable, DatabaseRefused) as error:
                log(Event.DATABASE_AWAY, level="warning", reason=str(error))
            await asyncio.sleep(RETENTION_SECONDS * random.uniform(0.5, 1))  # noqa: S311

    async def _score_at_times(self) -> None:
        looked_at, idle = -1, 0.0
        while True:
            await asyncio.sleep(SCORING_SECONDS * random.uniform(0.5, 1))  # noqa: S311
            claimed, idle = self._claimed(), idle + SCORING_SECONDS
            # Who has nothing to do asks next to nothing.
            if claimed == looked_at and not self._saw_work and idle < IDLE_SCORING_SECONDS:
                continue
            looked_at, idle = claimed, 0.0
            try:
                await self.score()
            except (DatabaseUnavailable, DatabaseRefused) as error:
                log(Event.DATABASE_AWAY, level="warning", reason=str(error))

    async def _renew_at_times(self) -> None:
        looked_at = 0
        while True:
            await asyncio.sleep(RENEWAL_SECONDS * random.uniform(0.5, 1))  # noqa: S311
            claimed = self._claimed()
            if claimed < looked_at + RENEWAL_CLAIMS:
                continue
            looked_at = claimed
            try:
                if await self._store.renew_queue():
                    log(Event.QUEUE_RENEWED)
            except (DatabaseUnavailable, DatabaseRefused) as error:
                log(Event.DATABASE_AWAY, level="warning", reason=str(error))

    async def _watch_at_times(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS * random.uniform(0.7, 1))  # noqa: S311
            try:
                await self.watch()
            except (DatabaseUnavailable, DatabaseRefused) as error:
                log(Event.DATABASE_AWAY, level="warning", reason=str(error))

    async def watch(self) -> None:
        """See whether an alert rule fires. Raises DatabaseUnavailable, DatabaseRefused."""
        if self._alerts is not None:
            await self._alerts.look()

    async def clean(self) -> int:
        """One round, one statement; returns how many leases were freed."""
        sight = await under_way("reap.sent", self._store.look_after())
        if sight.freed:
            log(Event.LEASES_FREED, level="warning", count=sight.freed)
        self._saw_work = sight.something_to_claim
        if sight.something_to_claim:
            self._on_work()
        return sight.freed

    async def score(self) -> int:
        """Compare what was promised about waits with what came of it; how many promises."""
        return await self._waits.score()

    async def forget(self) -> None:
        """Delete what is kept no longer, find what a dump left without a place in the queue.

        One process an hour does it, whoever comes first.
        """
        if await self._store.take_singleton("retention", RETENTION_SECONDS) is None:
            return
        readmitted = await self._store.readmit()
        if readmitted:
            log(Event.JOBS_READMITTED, level="warning", count=readmitted)
        await self._store.prune_idempotency_keys()
        await self._store.prune_cache()
        await self._store.prune_partials()
        await self._waits.prune(PROMISES_DAYS)
        pruned = await self._operator_store.prune(self._keep)
        log(Event.PRUNED, jobs=pruned.jobs, events=pruned.events, calls=pruned.calls)
