"""Renews leases from its own thread and connection, but only while the loop makes progress."""

import asyncio
import os
import socket
import threading
from uuid import UUID

from prompt_queue.failpoints import under_way
from prompt_queue.store.database import Database, DatabaseRefused, DatabaseUnavailable
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.telemetry import Event, log
from prompt_queue.worker.leases import HeldLeases


class Heartbeat:
    """Beats every third of the lease. A loop that is stuck loses its leases, as a dead one does."""

    def __init__(
        self, dsn: str, worker: str, concurrency: int, leases: HeldLeases, lease_seconds: float
    ) -> None:
        self._dsn = dsn
        self._worker = worker
        self._concurrency = concurrency
        self._leases = leases
        self._lease_seconds = lease_seconds
        self.missed = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Beat no more; waits for the thread."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        asyncio.run(self._beat_until_stopped())

    async def _beat_until_stopped(self) -> None:
        database: Database | None = None
        while not self._stop.is_set():
            pause = self._lease_seconds / 3
            try:
                database = database or await self._open()
                await self._beat(database)
            except (DatabaseUnavailable, DatabaseRefused) as error:
                self._miss(str(error))
                pause = self._lease_seconds / 10
            await asyncio.to_thread(self._stop.wait, pause)
        if database is not None:
            await self._say_goodbye(database)

    async def _open(self) -> Database:
        """A beat that gets no answer in time for the next one is better said again."""
        return await Database.open(
            self._dsn, size=1, lazy=True, statement_seconds=self._lease_seconds / 3, tries=1
        )

    async def _beat(self, database: Database) -> None:
        stalled = self._leases.stalled_seconds
        if stalled > self._lease_seconds / 3:
            self._miss("the loop makes no progress")
        if stalled >= self._lease_seconds:
            return
        tokens = self._leases.tokens()
        # A lease ends one lease after the loop last turned, not after the last beat.
        await self._renew(database, tokens, self._lease_seconds - stalled)
        await WorkerStore(database).seen(
            self._worker, socket.gethostname(), os.getpid(), self._concurrency, len(tokens)
        )

    async def _renew(
        self, database: Database, tokens: dict[UUID, UUID], lease_seconds: float
    ) -> None:
        if not tokens:
            return
        held = await under_way(
            "heartbeat.sent", PromptStore(database).heartbeat(tokens, lease_seconds)
        )
        for job_id in tokens.keys() - held:
            self._leases.lost(job_id, tokens[job_id])

    async def _say_goodbye(self, database: Database) -> None:
        try:
            await WorkerStore(database).gone(self._worker)
        except (DatabaseUnavailable, DatabaseRefused) as error:
            self._miss(str(error))
        await database.close()

    def _miss(self, reason: str) -> None:
        self.missed += 1
        log(Event.HEARTBEAT_MISSED, level="warning", reason=reason)
