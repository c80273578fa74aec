"""What is measured, one function a question."""

import asyncio
import random
import time

from benchmarks.queue import plan as figures
from benchmarks.queue.bench import Bench, Stand, drain
from benchmarks.queue.crew import crew
from benchmarks.queue.reads import measure_status_reads
from benchmarks.queue.sides import MIXED, ONE_USER, OURS, Mix

BULK = 1_000


async def enqueue(bench: Bench) -> None:
    """Single enqueues, each a transaction, and then a thousand in each."""
    for stand in bench.turns():
        await stand.clear()
        async with stand.side.enqueuer(stand.dsn) as enqueuer:
            await enqueuer.one(0, MIXED)
            began = time.perf_counter()
            for number in range(bench.plan.singles):
                await enqueuer.one(number, MIXED)
            taken = time.perf_counter() - began
            bench.book.add(figures.ENQUEUE_ONE, stand.name, bench.plan.singles / taken)

            await stand.clear()
            await enqueuer.many(range(BULK), MIXED)
            wal = await stand.wal_position()
            began = time.perf_counter()
            for number in range(1, bench.plan.bulks + 1):
                await enqueuer.many(range(number * BULK, (number + 1) * BULK), MIXED)
            taken = time.perf_counter() - began
            jobs = bench.plan.bulks * BULK
            wal = await stand.wal_position() - wal
            bench.book.add(figures.ENQUEUE_MANY, stand.name, jobs / taken)
            bench.book.add(figures.WAL_ENQUEUE, stand.name, wal / jobs)


async def drain_all(bench: Bench) -> None:
    """All jobs of many users, with one worker process and with two; then one user's jobs."""
    for processes in (1, 2):
        for stand in bench.turns():
            await _drain_all(bench, stand, MIXED, processes)
    for stand in bench.turns():
        await _drain_all(bench, stand, ONE_USER, 1)


async def _drain_all(bench: Bench, stand: Stand, mix: Mix, processes: int) -> None:
    jobs = bench.plan.slow_jobs if stand.is_slow else bench.plan.jobs
    add, order = bench.book.add, figures.ONE_USER if mix is ONE_USER else ""
    await stand.clear()
    await stand.fill(jobs, mix)
    transactions, wal = await stand.transactions(), await stand.wal_position()
    async with crew(stand.name, stand.dsn, processes) as workers:
        cpu = workers.cpu_seconds()
        done, taken = await drain(stand, workers, jobs)
        wal = await stand.wal_position() - wal
        cpu = workers.cpu_seconds() - cpu
        memory = workers.memory()
    add(bench.plan.drain(processes) + order, stand.name, done / taken)
    if processes == 1:
        transactions = await stand.transactions() - transactions
        add(figures.WAL + order, stand.name, wal / jobs)
        add(figures.TRANSACTIONS + order, stand.name, transactions / jobs)
    if processes == 1 and not order:
        add(figures.CPU, stand.name, cpu / jobs * 1e6)
        add(figures.MEMORY, stand.name, memory)


async def drain_deep(bench: Bench) -> None:
    """The first jobs of a long queue, which is filled up again after each round."""
    for number, depth in enumerate(bench.plan.depths):
        for stand in bench.stands:
            await stand.clear()
            await stand.fill(depth)
            await stand.connection.execute("checkpoint")
        for stand in bench.turns():
            jobs = bench.plan.slow_of_deep if stand.is_slow else bench.plan.of_deep
            async with crew(stand.name, stand.dsn, 1) as workers:
                done, taken = await drain(stand, workers, jobs)
            bench.book.add(bench.plan.deep(number), stand.name, done / taken)
            await stand.fill(done)
        for stand in bench.stands:
            if stand.name == OURS and number == len(bench.plan.depths) - 1:
                await measure_status_reads(bench, stand)
            await stand.clear()


async def pick_up(bench: Bench) -> None:
    """From the answer to an enqueue's commit to the beginning of the handler, worker idle."""
    for stand in bench.turns():
        await stand.clear()
        async with (
            stand.side.enqueuer(stand.dsn) as enqueuer,
            crew(stand.name, stand.dsn, 1, bench.plan.pick_ups + 1) as workers,
        ):
            workers.go()
            for number in range(bench.plan.pick_ups + 1):
                # The worker has settled the job before and fallen idle.
                await asyncio.sleep(random.uniform(0.03, 0.06) if number else 2.0)
                await enqueuer.one(number, MIXED)
                committed = time.monotonic_ns()
                while workers.handled <= number:
                    await asyncio.sleep(0.001)
                waited = (workers.tallies[0].began_at(number) - committed) / 1e6
                if number:
                    bench.book.add(figures.PICK_UP, stand.name, waited)


SCENARIOS = {
    "enqueue": enqueue,
    "drain": drain_all,
    "deep": drain_deep,
    "pickup": pick_up,
}
