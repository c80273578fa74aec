"""`python -m benchmarks.tracing [--jobs 5000] [--rounds 5]`.

First one span alone. Then a worker's loop that claims jobs and completes them at once, on a durable
PostgreSQL, in turns without and with spans (made by the SDK, batched, and exported to nobody).
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Sequence

import asyncpg
from lab.cluster import DurableCluster
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from rich.console import Console
from rich.table import Table

from prompt_queue import tracing
from prompt_queue.jobs.job import Claim
from prompt_queue.jobs.outcome import Done, GeneratedPrompt, Released
from prompt_queue.settings import DEMO_MODEL_ID, DEMO_ROW_ID, DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.migrate import migrate, read_migrations
from prompt_queue.store.prompt_store import JsonObject, PromptStore, Settled
from prompt_queue.store.row_store import RowStore
from prompt_queue.store.rows import outcome_as_json
from prompt_queue.telemetry import configure_logging
from prompt_queue.tracing.messages import PROMPTS, received, receiving
from prompt_queue.tracing.sdk import OpenTelemetry
from prompt_queue.worker.grouped import Grouped
from prompt_queue.worker.leases import HeldLeases
from prompt_queue.worker.loop import WorkLoop
from prompt_queue.worker.spans import attempt_at, settle_of

TRACE_CONTEXT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SLOTS = 50
FILL = """
insert into prompt_generation_jobs (row_id, model_id, user_id, target_url, trace_context)
select $1, $2, $3, 'https://images.example.com/p.jpg', $4 from generate_series(1, $5)
"""


class Nobody(SpanExporter):
    """Takes everything and keeps nothing."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """It is gone."""
        return SpanExportResult.SUCCESS


class Idle:
    """The leg of a worker, with no work in it."""

    def __init__(self, store: PromptStore) -> None:
        self._store = store
        self._settles: Grouped[JsonObject, Settled] = Grouped(self._store.settle)

    async def claim(self, limit: int) -> Sequence[Claim]:
        """Take up to `limit` jobs, as the real one does."""
        with receiving(PROMPTS) as span:
            claims = await self._store.claim(limit, "bench", 300)
            received(span, claims)
        return claims

    async def held_back(self) -> None:
        """Nothing is."""

    async def handle(self, claim: Claim) -> Done:
        """Done at once."""
        return Done(GeneratedPrompt(text="Make the sky teal.", model="none"))

    async def settle(self, claim: Claim, outcome: Done | Released) -> Settled:
        """Write it down with its neighbours."""
        return await self._settles.submit(outcome_as_json(claim, outcome))


def nanoseconds(work: Callable[[], None], times: int) -> float:
    """Of one turn; the best of five."""
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(times):
            work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds) / times * 1e9


def one_span() -> None:
    """With two attributes."""
    with tracing.span("settle", tracing.Kind.CLIENT, {"a": "b", "c": 1}):
        pass


def spans_of_a_job(claim: Claim) -> None:
    """What the loop does around one job."""
    with attempt_at(claim), settle_of(claim, Released()):
        pass


async def drain(database: Database, jobs: int) -> dict[str, float]:
    """Claims and settles so many; in microseconds a job."""
    connection = await asyncpg.connect(database.dsn)
    await connection.execute(FILL, DEMO_ROW_ID, DEMO_MODEL_ID, DEMO_USER_ID, TRACE_CONTEXT, jobs)
    await connection.close()
    loop = WorkLoop(
        [Idle(PromptStore(database))], HeldLeases(), slots=SLOTS, claim_limit=SLOTS,
        poll_seconds=0.1, drain_seconds=10,
    )  # fmt: skip
    wall, processor = time.perf_counter(), time.process_time()
    await loop.run_until_empty(600)
    assert loop.tally["done"] == jobs, loop.tally
    return {
        "wall": (time.perf_counter() - wall) / jobs * 1e6,
        "processor": (time.process_time() - processor) / jobs * 1e6,
    }


async def compare(dsn: str, tracer: tracing.Tracer, jobs: int, rounds: int) -> Table:
    """In turns, so that the machine's moods meet both."""
    await migrate(dsn, read_migrations())
    database = await Database.open(dsn)
    try:
        await RowStore(database).seed_demo(DEMO_USER_ID, DEMO_MODEL_ID, DEMO_ROW_ID)
        await drain(database, jobs)
        seen: dict[str, list[dict[str, float]]] = {"off": [], "on": []}
        for _ in range(rounds):
            for name, chosen in (("off", None), ("on", tracer)):
                tracing.install(chosen)
                seen[name].append(await drain(database, jobs))
    finally:
        await database.close()
    table = Table("claim and settle, median", "off", "on", "difference")
    for what in ("wall", "processor"):
        off, on = (statistics.median(one[what] for one in seen[name]) for name in ("off", "on"))
        table.add_row(f"{what}, us a job", f"{off:.0f}", f"{on:.0f}", f"{on - off:+.0f}")
    return table


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="What spans cost, on and off.")
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    configure_logging("warning", "console")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Nobody()))
    tracer = OpenTelemetry(provider, "bench")
    claim = Claim(
        job_id=DEMO_ROW_ID, user_id=DEMO_USER_ID, ref_urls=(), target_url="", priority=5,
        retry_count=0, max_retries=3, lease_token=DEMO_ROW_ID, trace_context=TRACE_CONTEXT,
    )  # fmt: skip
    table = Table("best of five, ns", "off", "on")
    for name, work in (
        ("one span", one_span),
        ("both spans of a job", lambda: spans_of_a_job(claim)),
    ):
        tracing.install(None)
        off = nanoseconds(work, 100_000)
        tracing.install(tracer)
        table.add_row(name, f"{off:.0f}", f"{nanoseconds(work, 5_000):.0f}")
    tracing.install(None)
    Console(width=100).print(table)
    cluster = DurableCluster.create()
    try:
        found = asyncio.run(compare(cluster.dsn, tracer, options.jobs, options.rounds))
    finally:
        cluster.close()
        provider.shutdown()
    Console(width=100).print(found)


if __name__ == "__main__":
    main()
