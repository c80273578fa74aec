"""Frees the leases of dead workers, wakes due retries and forgets what is over."""

import asyncio
from collections.abc import Callable

from prompt_queue.failpoints import under_way
from prompt_queue.store.database import DatabaseRefused, DatabaseUnavailable
from prompt_queue.store.operator_store import OperatorStore, Retention
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.telemetry import Event, log

PRUNE_EVERY_ROUNDS = 1000
RETENTION_SECONDS = 3600.0


class Janitor:
    """Each worker has one: a dead worker is noticed by whoever is left."""

    def __init__(
        self,
        store: WorkerStore,
        operator_store: OperatorStore,
        keep: Retention,
        lease_seconds: float,
        on_work: Callable[[], None],
    ) -> None:
        self._store = store
        self._operator_store = operator_store
        self._keep = keep
        self._on_work = on_work
        # A tenth of the lease keeps recovery within 1.25 leases.
        self._pause = min(max(lease_seconds / 10, 0.1), 5.0)

    async def run(self) -> None:
        """Clean up until cancelled."""
        rounds = 0
        while True:
            try:
                await self.clean()
                if rounds % PRUNE_EVERY_ROUNDS == 0:
                    await self.forget()
            except (DatabaseUnavailable, DatabaseRefused) as error:
                log(Event.DATABASE_AWAY, level="warning", reason=str(error))
            rounds += 1
            await asyncio.sleep(self._pause)

    async def clean(self) -> int:
        """One round; returns how many leases were freed."""
        freed = await under_way("reap.sent", self._store.free_expired_leases())
        woken = await self._store.wake_due()
        if freed:
            log(Event.LEASES_FREED, level="warning", count=freed)
        if freed or woken:
            self._on_work()
        return freed

    async def forget(self) -> None:
        """Delete what is kept no longer; one process an hour does it, whoever comes first."""
        if await self._store.take_singleton("retention", RETENTION_SECONDS) is None:
            return
        await self._store.prune_idempotency_keys()
        pruned = await self._operator_store.prune(self._keep)
        log(Event.PRUNED, jobs=pruned.jobs, events=pruned.events, calls=pruned.calls)
