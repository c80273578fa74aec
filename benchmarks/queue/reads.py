"""How long a client waits for the state of its job while very many are queued."""

import random
import time

from benchmarks.queue.bench import Bench, Stand
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore

SOME_JOBS = "select job_id from public.prompt_job_queue tablesample bernoulli (5)"


async def measure_status_reads(bench: Bench, stand: Stand) -> None:
    """The statements behind GET /api/prompt/queue/{id}, for jobs anywhere in the queue."""
    job_ids = [row["job_id"] for row in await stand.connection.fetch(SOME_JOBS)]
    database = await Database.open(stand.dsn, size=1)
    try:
        store = PromptStore(database)
        for number, job_id in enumerate(random.sample(job_ids, bench.plan.reads + 10)):
            began = time.perf_counter()
            await store.find_job(job_id)
            await store.place(job_id)
            taken = time.perf_counter() - began
            if number >= 10:
                bench.book.add(bench.plan.status_read, stand.name, taken * 1000)
    finally:
        await database.close()
