"""One soak: load, workers and the snapshot, looked at once a second."""

import asyncio
import time
from contextlib import AsyncExitStack

from benchmarks.queue.bench import Stand
from benchmarks.queue.crew import Crew, crew
from benchmarks.soak.load import old_snapshot, probe, produce
from benchmarks.soak.samples import Phase, Sample, phase_at

LOOK = """
select
  (select count(*) from public.prompt_job_queue) as backlog,
  (select count(*) from pg_stat_activity
   where datname = current_database() and backend_type = 'client backend') as connections,
  (select sum(n_dead_tup) from pg_stat_user_tables) as dead_rows
"""
OPEN = """
select count(*) from public.prompt_generation_jobs where status in ('queued', 'processing')
"""
LAST_SECONDS = 120.0


class Soak:
    """What has been seen so far."""

    def __init__(self, stand: Stand, around: float, hold: float) -> None:
        self._stand = stand
        self._around = around
        self._hold = hold
        self._claims: list[float] = []
        self._probed = 0
        self.samples: list[Sample] = []

    async def run(self, jobs: int, processes: int) -> int:
        """Put all jobs through; returns how many never came to an end."""
        dsn, seconds = self._stand.dsn, 2 * self._around + self._hold
        async with (
            AsyncExitStack() as snapshot,
            self._stand.side.enqueuer(dsn) as enqueuer,
            crew(self._stand.name, dsn, processes) as workers,
        ):
            workers.go()
            producing = asyncio.create_task(produce(enqueuer, jobs, seconds))
            probing = asyncio.create_task(probe(dsn, self._seen))
            began = time.monotonic()
            try:
                await self._watch(workers, producing, began, snapshot)
                await self._until_done(workers, jobs)
            finally:
                producing.cancel()
                probing.cancel()
                await asyncio.gather(producing, probing, return_exceptions=True)
        unfinished: int = await self._stand.connection.fetchval(OPEN)
        return unfinished

    def _seen(self, milliseconds: float, jobs: int) -> None:
        self._claims.append(milliseconds)
        self._probed += jobs

    async def _watch(
        self,
        workers: Crew,
        producing: "asyncio.Task[None]",
        began: float,
        snapshot: AsyncExitStack,
    ) -> None:
        phase = Phase.BEFORE
        while not producing.done():
            await asyncio.sleep(1)
            workers.check()
            now = time.monotonic() - began
            self.samples.append(await self._look(workers, now, phase))
            following = phase_at(now, self._around, self._hold)
            if phase is Phase.BEFORE and following is Phase.HELD:
                await snapshot.enter_async_context(old_snapshot(self._stand.dsn))
            elif phase is Phase.HELD and following is Phase.AFTER:
                await snapshot.aclose()
            phase = following
        producing.result()

    async def _look(self, workers: Crew, now: float, phase: Phase) -> Sample:
        row = await self._stand.connection.fetchrow(LOOK)
        claims, self._claims = tuple(self._claims), []
        descriptors, _ = workers.resources()
        return Sample(
            second=now,
            phase=phase,
            claims=claims,
            backlog=row["backlog"],
            memory=workers.memory(),
            descriptors=descriptors,
            # The snapshot's own connection is not the queue's.
            connections=row["connections"] - (phase is Phase.HELD),
            dead_rows=int(row["dead_rows"] or 0),
            handled=workers.handled + self._probed,
        )

    async def _until_done(self, workers: Crew, jobs: int) -> None:
        try:
            async with asyncio.timeout(LAST_SECONDS):
                while workers.handled + self._probed < jobs:
                    await asyncio.sleep(0.1)
        except TimeoutError:
            # What is missing is counted, not waited for.
            return
