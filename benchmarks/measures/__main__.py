"""`python -m benchmarks.measures [--rows 1000 1000000] [--looks 200]`.

A durable PostgreSQL with so many prompts that wait and as many that ended within a day. A look is
all that one scrape reads. Beside it `select count(*)` from the queue's table, in the same minute.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.measures.crowd import fill
from benchmarks.queue.results import quantile
from benchmarks.queue.server import Server, server
from prompt_queue.settings import DEMO_MODEL_ID, DEMO_ROW_ID, DEMO_USER_ID
from prompt_queue.store.database import Database, queries
from prompt_queue.store.measure_store import MeasureStore
from prompt_queue.store.migrate import migrate, read_migrations
from prompt_queue.store.row_store import RowStore

RAW = "select count(*) from prompt_job_queue"
FORGET = "delete from prompt_queue_counted"
TOOK = "select coalesce(max(took_seconds), 0) from prompt_queue_counted"
ROUNDS = 7
SCRAPE_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Milliseconds; `kept_seconds` is how long a count is good for, 0: it is made each time.

    `scrape_ms` is the mean of a look each fifteen seconds.
    """

    rows: int
    look_p50_ms: float
    look_p99_ms: float
    counting_look_ms: float
    kept_seconds: float
    scrape_ms: float
    raw_count_ms: float
    ratio: float
    counting_ratio: float
    statements_ms: dict[str, float]


async def timed(act: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds."""
    began = time.monotonic()
    await act()
    return (time.monotonic() - began) * 1000


async def median_of(act: Callable[[], Awaitable[object]]) -> float:
    """Of some rounds, in milliseconds."""
    return statistics.median([await timed(act) for _ in range(ROUNDS)])


async def measure(cluster: Server, rows: int, looks: int) -> Figures:
    """One size, in a database of its own."""
    connection = await asyncpg.connect(cluster.dsn())
    await connection.execute(f"create database rows_{rows}")
    await connection.close()
    dsn = cluster.dsn(f"rows_{rows}")
    await migrate(dsn, read_migrations())
    database = await Database.open(dsn, size=1)
    await RowStore(database).seed_demo(DEMO_USER_ID, DEMO_MODEL_ID, DEMO_ROW_ID)
    connection = await asyncpg.connect(dsn)
    await fill(connection, rows)
    store = MeasureStore(database)

    async def counting_look() -> None:
        await connection.execute(FORGET)
        await store.measures()

    raw = await median_of(lambda: connection.fetch(RAW))
    counting = await median_of(counting_look)
    times = [await timed(store.measures) for _ in range(looks)]
    # What the last look has counted may not be the oldest one any more.
    kept = 300 * float(await connection.fetchval(TOOK))
    names = [name for name in queries() if name.startswith("measures_")]
    statements = {
        name: await median_of(lambda name=name: connection.fetch(queries()[name]))  # type: ignore[misc]
        for name in (*names, "sum_up")
    }
    await connection.close()
    await database.close()
    between = statistics.median(times)
    share = min(SCRAPE_SECONDS / kept, 1.0) if kept else 1.0
    return Figures(
        rows=rows,
        look_p50_ms=between,
        look_p99_ms=quantile(times, 0.99),
        counting_look_ms=counting,
        kept_seconds=kept,
        scrape_ms=share * counting + (1 - share) * between,
        raw_count_ms=raw,
        ratio=between / raw,
        counting_ratio=counting / raw,
        statements_ms=statements,
    )


async def measure_all(sizes: list[int], looks: int) -> list[Figures]:
    """Each size, on one server."""
    async with server() as cluster:
        return [await measure(cluster, rows, looks) for rows in sizes]


def rounded(figures: Figures) -> dict[str, object]:
    """To three digits."""

    def digits(value: object) -> object:
        if isinstance(value, dict):
            return {name: digits(one) for name, one in value.items()}
        return float(f"{value:.3g}") if isinstance(value, float) else value

    return {name: digits(value) for name, value in asdict(figures).items()}


def main() -> None:
    """Read the options, measure, print, and write `measures.json` into the folder."""
    parser = argparse.ArgumentParser(description="What a scrape costs.")
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 1_000_000])
    parser.add_argument("--looks", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), metavar="DIR")
    options = parser.parse_args()
    found = [rounded(figures) for figures in asyncio.run(measure_all(options.rows, options.looks))]
    table = Table("figure", *(f"{one['rows']:,} rows" for one in found))
    for name in found[0]:
        if name not in {"rows", "statements_ms"}:
            table.add_row(name, *(str(one[name]) for one in found))
    Console(width=90).print(table)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "measures.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
