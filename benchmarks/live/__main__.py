"""`python -m benchmarks.live [--watchers 1000] [--seconds 20] [--rate 100]`.

One server process (`prompt-queue serve`) on a durable PostgreSQL; so many clients in a process of
their own, each with a stream of one job. Events are committed one by one at `--rate` a second, each
about the job of one of them; latency is from the return of COMMIT to the frame at the client.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.live.figures import GOALS, Figures, judged
from benchmarks.live.listener import Listener
from benchmarks.queue.results import quantile
from benchmarks.queue.server import server
from prompt_queue.settings import DEMO_MODEL_ID, DEMO_ROW_ID, DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.migrate import migrate, read_migrations
from prompt_queue.store.row_store import RowStore

PORT = 18_480
BASE = f"http://127.0.0.1:{PORT}"
JOBS = """
insert into prompt_generation_jobs (row_id, model_id, user_id, target_url)
select $1, $2, $3, 'https://images.example.com/p.jpg' from generate_series(1, $4) returning id
"""
EVENT = """
insert into prompt_job_events (job_id, user_id, kind) values ($1, $2, 'measured') returning id
"""
IDLE_SECONDS = 10.0


@contextmanager
def serving(dsn: str, folder: Path) -> Iterator[psutil.Process]:
    """The server, until it says that it is ready and to the end of the block."""
    environment = os.environ | {
        "DATABASE_URL": dsn, "PROMPT_QUEUE_PORT": str(PORT), "XAI_API_KEY": "",
        "PROMPT_QUEUE_USER_STREAMS": "5000",
        "PROMPT_QUEUE_DATA_DIR": str(folder),
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "prompt_queue", "serve"], env=environment)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


async def cpu_share(process: psutil.Process, seconds: float) -> float:
    """Share of one processor that the process used over the next seconds."""
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    await asyncio.sleep(seconds)
    used: float = sum(process.cpu_times()[:2]) - before
    return used / (time.monotonic() - began)


async def measure(watchers: int, seconds: float, rate: float) -> Figures:
    """One run."""
    async with server() as cluster:
        connection = await asyncpg.connect(cluster.dsn())
        await connection.execute("create database live")
        await connection.close()
        dsn = cluster.dsn("live")
        await migrate(dsn, read_migrations())
        database = await Database.open(dsn, size=1)
        await RowStore(database).seed_demo(DEMO_USER_ID, DEMO_MODEL_ID, DEMO_ROW_ID)
        await database.close()
        connection = await asyncpg.connect(dsn)
        rows = await connection.fetch(JOBS, DEMO_ROW_ID, DEMO_MODEL_ID, DEMO_USER_ID, watchers + 10)
        jobs = [row["id"] for row in rows]
        with tempfile.TemporaryDirectory() as folder, serving(dsn, Path(folder)) as process:
            async with Listener(BASE) as warm:
                # The code that serves streams is loaded, and was used, before memory is read.
                await warm.watch(jobs[watchers:])
            idle = await cpu_share(process, IDLE_SECONDS)
            before = process.memory_info().rss
            async with Listener(BASE) as listener:
                began = time.monotonic()
                await listener.watch(jobs[:watchers])
                opening = time.monotonic() - began
                watching = await cpu_share(process, IDLE_SECONDS)
                after = process.memory_info().rss
                busy = asyncio.create_task(cpu_share(process, seconds))
                committed = await commit(connection, jobs[:watchers], seconds, rate)
                latencies = await listener.latencies(committed)
                peak = process.memory_info().rss
                loaded = await busy
        await connection.close()
    return Figures(
        watchers=watchers,
        events=len(committed),
        p50_ms=statistics.median(latencies) * 1000,
        p99_ms=quantile(latencies, 0.99) * 1000,
        worst_ms=max(latencies) * 1000,
        watcher_kb=(after - before) / watchers / 1024,
        watcher_kb_loaded=(peak - before) / watchers / 1024,
        idle_cpu=idle,
        watching_cpu=watching,
        loaded_cpu=loaded,
        opening_seconds=opening,
    )


async def commit(
    connection: asyncpg.Connection, jobs: list[UUID], seconds: float, rate: float
) -> dict[int, float]:
    """When each event's COMMIT returned, by its number."""
    committed: dict[int, float] = {}
    began = time.monotonic()
    for number in range(int(seconds * rate)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        job = jobs[number * 7919 % len(jobs)]
        event = await connection.fetchval(EVENT, job, DEMO_USER_ID)
        committed[event] = time.monotonic()
    return committed


def main() -> None:
    """Read the options, measure, print, and write `live.json` into the folder."""
    parser = argparse.ArgumentParser(description="A thousand streams of one server.")
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=100.0, metavar="EVENTS")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), metavar="DIR")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.watchers, options.seconds, options.rate))
    table = Table("figure", "", "goal", "")
    for name, value, goal, met in judged(figures):
        table.add_row(name, f"{value:.3g}", "" if goal is None else f"≤ {goal:g}", met)
    Console(width=90).print(table)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "live.json").write_text(json.dumps(figures.known() | {"goals": GOALS}) + "\n")


if __name__ == "__main__":
    main()
