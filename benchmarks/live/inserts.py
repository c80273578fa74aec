"""`python -m benchmarks.live.inserts [--seconds 5] [--rounds 3]`.

Events committed a second by sixteen connections on a durable PostgreSQL, one a transaction: as
events were before anybody could watch, with what readers need, and with a NOTIFY each besides.
"""

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path
from uuid import uuid4

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.queue.server import server
from prompt_queue.store.migrate import migrate, read_migrations

CONNECTIONS = 16
EVENT = "insert into prompt_job_events (job_id, user_id, kind) values ($1, $2, 'measured')"
WAYS = {
    "before": """
        drop index if exists prompt_job_events_transaction_idx;
        alter table prompt_job_events alter column horizon drop default;
    """,
    "now": """
        create index prompt_job_events_transaction_idx on prompt_job_events (transaction_id);
        alter table prompt_job_events
          alter column horizon set default pg_snapshot_xmin(pg_current_snapshot());
    """,
    "now, and NOTIFY": """
        create function say_so() returns trigger language plpgsql
          as $$ begin notify live_events; return null; end $$;
        create trigger say_so after insert on prompt_job_events
          for each statement execute function say_so();
    """,
}
UNDO = (
    "drop trigger say_so on prompt_job_events; drop function say_so(); truncate prompt_job_events"
)


async def insert(dsn: str, seconds: float) -> int:
    """How many events one connection committed."""
    connection = await asyncpg.connect(dsn)
    count, ends_at = 0, time.monotonic() + seconds
    while time.monotonic() < ends_at:
        await connection.execute(EVENT, uuid4(), uuid4())
        count += 1
    await connection.close()
    return count


async def measure(seconds: float, rounds: int) -> dict[str, list[float]]:
    """Events a second, each way in turn."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    async with server() as cluster:
        dsn = cluster.dsn()
        await migrate(dsn, read_migrations())
        connection = await asyncpg.connect(dsn)
        for _ in range(rounds):
            for way, change in WAYS.items():
                await connection.execute(change)
                counts = await asyncio.gather(*(insert(dsn, seconds) for _ in range(CONNECTIONS)))
                found[way].append(sum(counts) / seconds)
            await connection.execute(UNDO)
        await connection.close()
    return found


def main() -> None:
    """Read the options, measure, print, and write `live-inserts.json` into the folder."""
    parser = argparse.ArgumentParser(description="What it costs to be watched.")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), metavar="DIR")
    options = parser.parse_args()
    found = asyncio.run(measure(options.seconds, options.rounds))
    table = Table("way", "events a second, median")
    for way, rates in found.items():
        table.add_row(way, f"{statistics.median(rates):.0f}")
    Console(width=70).print(table)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "live-inserts.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
