"""The metrics of a worker, measured and answered for as long as it works."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from prompt_queue.store.database import Database
from prompt_queue.vitals import LoopLag, ProcessCollector
from prompt_queue.worker.crew import Crew
from prompt_queue.worker.exposition import WorkerCollector
from prompt_queue.worker.metrics_port import metrics_port


@asynccontextmanager
async def metrics_of(
    parts: Crew, database: Database, host: str, port: int | None
) -> AsyncIterator[None]:
    """Answer GET /metrics about this crew, where a port is asked for and to be had."""
    lag = LoopLag()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(WorkerCollector(parts))
    registry.register(ProcessCollector(lag, database.use))

    def text() -> bytes:
        return generate_latest(registry) + generate_latest(REGISTRY)

    async with metrics_port(host, port, text) as bound:
        watch = asyncio.create_task(lag.run()) if bound is not None else None
        try:
            yield
        finally:
            if watch is not None:
                watch.cancel()
