"""What the queue's guarantees cost: its functions against bare tables, in the same run.

On a throw-away embedded PostgreSQL, rounds of both sides take turns; a table gives the median of
each and their ratio. `python benchmarks/enqueue_and_drain.py [--jobs 5000] [--rounds 5]`.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.table import Table

from prompt_queue.store.embedded import EmbeddedPostgres
from prompt_queue.store.migrate import migrate, read_migrations

BATCH = 200
SINGLE = 300
TARGET = "https://example.com/target.jpg"

BARE = """
create table bare_jobs (
  id uuid primary key default gen_random_uuid(), target_url text not null,
  priority int not null default 5, created_at timestamptz not null default now()
);
create table bare_queue (
  id bigint generated always as identity primary key, priority int not null default 5,
  state text not null default 'ready'
);
create index on bare_queue (priority desc, id) where state = 'ready';
"""
SEED = """
with owner as (insert into auth.users default values returning id),
model as (insert into public.models (user_id, name) select id, 'bench' from owner returning id)
insert into public.model_rows (model_id, user_id) select model.id, owner.id from model, owner
returning id
"""
FILL = """
insert into public.prompt_generation_jobs (row_id, model_id, user_id, target_url, priority)
select r.id, r.model_id, r.user_id, $2, 1 + n % 10
from public.model_rows r, generate_series(1, $1::int) n
"""
ENQUEUE = "select public.enqueue_prompt_job(p_row_id => $1, p_target_url => $2)"
CLAIM = "select id, lease_token from public.claim_prompt_jobs($1, 'bench', 300)"
SETTLE = "select count(*) from public.settle_prompt_jobs($1::text::jsonb)"
BARE_INSERT = "insert into bare_jobs (target_url) values ($1)"
BARE_FILL = "insert into bare_queue (priority) select 1 + n % 10 from generate_series(1, $1::int) n"
BARE_TAKE = """
with picked as materialized (
  select id from bare_queue where state = 'ready' order by priority desc, id limit $1
  for update skip locked
)
update bare_queue q set state = 'taken' from picked where q.id = picked.id returning q.id
"""
BARE_DELETE = "delete from bare_queue where id = any ($1)"

Side = Callable[[], Awaitable[float]]


class Bench:
    """One connection, and what is measured on it; every side returns jobs in a second."""

    def __init__(self, connection: asyncpg.Connection, row_id: UUID, jobs: int) -> None:
        self._connection = connection
        self._row_id = row_id
        self._jobs = jobs

    async def enqueue(self) -> float:
        """Single enqueues, each a transaction."""
        statement = await self._connection.prepare(ENQUEUE)
        began = time.perf_counter()
        for _ in range(SINGLE):
            await statement.fetchval(self._row_id, TARGET)
        taken = time.perf_counter() - began
        # Left in the queue, they would be drained by somebody else's round.
        await self._connection.execute("delete from public.prompt_generation_jobs")
        return SINGLE / taken

    async def bare_enqueue(self) -> float:
        """Single inserts into a table without any guarantee."""
        statement = await self._connection.prepare(BARE_INSERT)
        began = time.perf_counter()
        for _ in range(SINGLE):
            await statement.fetch(TARGET)
        return SINGLE / (time.perf_counter() - began)

    async def drain(self) -> float:
        """Claim and settle jobs that do nothing, in batches."""
        await self._connection.execute(FILL, self._jobs, TARGET)
        await self._connection.execute("vacuum analyze")
        claim = await self._connection.prepare(CLAIM)
        settle = await self._connection.prepare(SETTLE)
        done = 0
        began = time.perf_counter()
        while claimed := await claim.fetch(BATCH):
            outcomes = [
                {
                    "job_id": str(job["id"]),
                    "lease_token": str(job["lease_token"]),
                    "outcome": "completed",
                    "prompt": "Make the sky blue.",
                }
                for job in claimed
            ]
            done += await settle.fetchval(json.dumps(outcomes))
        taken = time.perf_counter() - began
        if done != self._jobs:
            raise SystemExit(f"{done} of {self._jobs} jobs were drained")
        return done / taken

    async def bare_drain(self) -> float:
        """Take with SKIP LOCKED and delete, in batches."""
        await self._connection.execute(BARE_FILL, self._jobs)
        await self._connection.execute("vacuum analyze")
        take = await self._connection.prepare(BARE_TAKE)
        delete = await self._connection.prepare(BARE_DELETE)
        began = time.perf_counter()
        while taken := await take.fetch(BATCH):
            await delete.fetch([row["id"] for row in taken])
        return self._jobs / (time.perf_counter() - began)

    def patient(self, side: Side, synchronous_commit: str) -> Side:
        """The same side with commits that wait for the disk (`on`) or not (`off`)."""

        async def run() -> float:
            await self._connection.execute(
                "select set_config('synchronous_commit', $1, false)", synchronous_commit
            )
            return await side()

        return run


async def measure(dsn: str, jobs: int, rounds: int) -> Table:
    """Run all rounds and return the table of medians."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(BARE)
        bench = Bench(connection, await connection.fetchval(SEED), jobs)
        pairs = {
            "enqueue, one at a time": ("on", bench.enqueue, bench.bare_enqueue),
            "the same, not waiting for the disk": ("off", bench.enqueue, bench.bare_enqueue),
            f"drain {jobs} in batches of {BATCH}": ("on", bench.drain, bench.bare_drain),
        }
        table = Table("median of", "queue, jobs/s", "bare table, jobs/s", "ratio", title="Rates")
        for name, (commit, ours, bare) in pairs.items():
            queue_rates, bare_rates = [], []
            for _ in range(rounds):
                queue_rates.append(await bench.patient(ours, commit)())
                bare_rates.append(await bench.patient(bare, commit)())
            queue, plain = statistics.median(queue_rates), statistics.median(bare_rates)
            table.add_row(name, f"{queue:,.0f}", f"{plain:,.0f}", f"{queue / plain:.2f}")
        return table
    finally:
        await connection.close()


def main() -> None:
    """Start the server, measure, print, and leave nothing behind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=5000, help="jobs in a drain")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each side")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pq-bench-") as folder:
        # Started by root, PostgreSQL runs as somebody else, who has to get to its own folder.
        Path(folder).chmod(0o711)
        server = EmbeddedPostgres(Path(folder) / "data", report=Console(stderr=True).print)
        dsn = server.start()
        try:
            asyncio.run(migrate(dsn, read_migrations()))
            table = asyncio.run(measure(dsn, options.jobs, options.rounds))
        finally:
            server.close()
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
