"""`python -m benchmarks.overload [--rate N] [--seconds 20] [--times 10] [--users 10]`.

`prompt-queue up` with its stand-ins, a worker and access tokens, everything on this machine. First
what the server accepts in a second, then a sixth of that (or `--rate`) as the limit of all users
together: offered once within it, and once ten times over. A sixth, because whoever sends, and the
worker that does what is accepted, need the same processors.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import aiohttp
import asyncpg
import jwt
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.overload.figures import Figures, figures
from benchmarks.overload.load import Sender, capacity, offer
from benchmarks.queue.server import server
from prompt_queue.store.migrate import migrate, read_migrations

PORT = 18_530
BASE = f"http://127.0.0.1:{PORT}"
QUEUE = f"{BASE}/api/prompt/queue"
ISSUER = "https://project.example.com/auth/v1"
SECRET = "a-secret-of-the-benchmark-that-is-long-enough"
CRON = "a-secret-of-the-operator-in-this-benchmark"
READY_SECONDS = 120.0
WARM_UP_SECONDS = 12.0
"""Longer than it takes to use up the ten seconds' worth that may come at once."""


@contextmanager
def running(dsn: str) -> Iterator[None]:
    """The product, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="pq-overload-") as folder:
        environment = os.environ | {
            "DATABASE_URL": dsn, "PROMPT_QUEUE_DATA_DIR": folder, "CRON_SECRET": CRON,
            "SUPABASE_JWT_SECRET": SECRET, "PROMPT_QUEUE_TOKEN_ISSUER": ISSUER,
            "PROMPT_QUEUE_LOG_LEVEL": "warning",
        }  # fmt: skip
        command = [sys.executable, "-m", "prompt_queue", "up", f"--port={PORT}"]
        with (Path(folder) / "up.log").open("wb") as sink:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=sink, stderr=sink
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


async def _until_ready(session: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            try:
                async with session.get(f"{BASE}/api/health/ready") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)


async def _senders(
    session: aiohttp.ClientSession, connection: asyncpg.Connection, count: int
) -> list[Sender]:
    """Users of the project, each with a row."""
    found = []
    for _ in range(count):
        user = uuid4()
        await connection.execute("insert into auth.users (id) values ($1)", user)
        now = await connection.fetchval("select extract(epoch from clock_timestamp())::int")
        claims = {
            "iss": ISSUER, "sub": str(user), "aud": "authenticated", "role": "authenticated",
            "iat": now, "exp": now + 3600,
        }  # fmt: skip
        headers = {"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"}
        picture = {"targetUrl": f"{BASE}/samples/astronaut.jpg"}
        async with session.post(f"{BASE}/api/rows", json=picture, headers=headers) as response:
            row = (await response.json())["rowId"]
        found.append(Sender(headers, picture | {"rowId": row}))
    return found


async def _limit(session: aiohttp.ClientSession, each: float | None) -> None:
    url, headers = f"{BASE}/api/ops/users/everybody/limits", {"Authorization": f"Bearer {CRON}"}
    async with session.put(url, json={"requestsPerSecond": each}, headers=headers) as response:
        response.raise_for_status()
    # A server looks at limits again within five seconds.
    await asyncio.sleep(6)


async def _until_empty(connection: asyncpg.Connection) -> None:
    while await connection.fetchval("select exists (select from prompt_job_queue)"):
        await asyncio.sleep(0.5)


async def measure(given: argparse.Namespace) -> Figures:
    """Both phases, one after the other."""
    async with server() as cluster:
        dsn = cluster.dsn()
        await migrate(dsn, read_migrations())
        connection = await asyncpg.connect(dsn)
        try:
            with running(dsn):
                async with aiohttp.ClientSession() as session:
                    await _until_ready(session)
                    senders = await _senders(session, connection, given.users)
                    return await _phases(session, connection, senders, given)
        finally:
            await connection.close()


async def _phases(
    session: aiohttp.ClientSession,
    connection: asyncpg.Connection,
    senders: Sequence[Sender],
    given: argparse.Namespace,
) -> Figures:
    most = await capacity(QUEUE, senders, 8.0)
    rate: float = given.rate or most / 6
    Console().print(f"{most:.0f} a second are accepted at most; the limit is {rate:.0f}")
    await _until_empty(connection)
    await _limit(session, rate / len(senders))
    # Just below the limit, so that none is refused.
    base = await offer(QUEUE, senders, rate * 0.95, given.seconds, WARM_UP_SECONDS)
    await _until_empty(connection)
    flood = await offer(QUEUE, senders, rate * given.times, given.seconds, WARM_UP_SECONDS)
    return figures(most, rate, given.times, base, flood)


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/overload.json"))
    given = parser.parse_args()
    found = uvloop.run(measure(given))
    table = Table("figure", "value")
    for name, value in found.known().items():
        table.add_row(name, str(value))
    Console().print(table)
    known = found.known() | {"measured": time.strftime("%Y-%m-%d", time.gmtime())}
    given.out.write_text(json.dumps(known, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
