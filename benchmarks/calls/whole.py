"""`python -m benchmarks.calls.whole`: jobs a second through everything that is ours.

One real worker process (`prompt-queue work`) on a durable PostgreSQL, with a provider that answers
at once: claim, picture, intent, call over TLS, ledger, settle. Jobs are there before it starts.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.calls.serving import serving
from benchmarks.queue.server import Server, server
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.jobs.ids import new_id
from prompt_queue.storage.local import LocalPictures
from prompt_queue.storage.samples import read_sample
from prompt_queue.worker.picture_access import PICTURES, link_signer

ORIGIN = "http://127.0.0.1:8080"
USERS = 100
_FOR_EVER = 4_000_000_000
SECONDS = 300.0
INSERT = """
insert into public.prompt_generation_jobs (id, row_id, model_id, user_id, target_url, priority)
select t.id, r.id, r.model_id, r.user_id, t.url, 1 + t.n % 10
from unnest($1::uuid[], $2::text[]) with ordinality as t (id, url, n)
join (select id, model_id, user_id, row_number() over (order by id) as n from public.model_rows) r
  on r.n = 1 + t.n % (select count(*) from public.model_rows)
"""
ENDED = "select status, count(*) from public.prompt_generation_jobs group by status"
LEFT = "select count(*) from (select from public.prompt_job_queue limit 1) q"
EMPTY = """
truncate public.prompt_generation_jobs, public.prompt_job_queue, public.prompt_job_events,
  public.provider_calls, public.prompt_cache, public.prompt_flights cascade
"""


@dataclass(frozen=True)
class Line:
    """One way to run: how many jobs, what of, and with which settings beside the common ones."""

    name: str
    jobs: int
    photographs: bool
    settings: dict[str, str]


UNLIMITED = {"PROMPT_QUEUE_RATE_TIER": "none", "PROMPT_QUEUE_CACHE_SECONDS": "0"}
GATE = {"PROMPT_QUEUE_RATE_LIMITS": "grok-4.7=20000/1000000000"}
LINES = (
    Line("one known picture", 6000, photographs=False, settings=UNLIMITED),
    Line("+ gate", 6000, photographs=False, settings=UNLIMITED | GATE),
    Line("a photograph each", 1500, photographs=True, settings=UNLIMITED),
    Line("a photograph each, gate, cache", 1500, photographs=True, settings=GATE | {
        "PROMPT_QUEUE_RATE_TIER": "none"}),
)  # fmt: skip


def photographs(folder: Path, count: int) -> list[str]:
    """Links to so many different pictures of the same size."""
    pictures, signer = LocalPictures(folder / PICTURES), link_signer(folder)
    photo = read_sample("astronaut.jpg")
    return [_link(pictures, signer, photo, number) for number in range(count)]


def _link(pictures: LocalPictures, signer: LinkSigner, photo: bytes, number: int) -> str:
    said = f"picture {number:08}".encode()
    # A comment makes it another file.
    comment = b"\xff\xfe" + (len(said) + 2).to_bytes(2, "big") + said
    name = pictures.save(photo[:2] + comment + photo[2:], "image/jpeg")
    return f"{ORIGIN}/files/{signer.sign(name, _FOR_EVER)}"


@contextmanager
def worker(environment: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    """The real command; ended in order afterwards."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "prompt_queue", "work"], stdout=out, stderr=out,
            env=os.environ | environment, cwd=log.parent,
        )  # fmt: skip
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _database_used(postmaster: int) -> float:
    """Of the server's first process, of its living children and of those that ended."""
    parent = psutil.Process(postmaster)
    times = parent.cpu_times()
    ended = float(times.children_user + times.children_system)
    return _used(parent) + ended + sum(_used(child) for child in parent.children(recursive=True))


@dataclass(frozen=True)
class Rig:
    """What all lines share: database, data directory, provider and its certificate, profile."""

    database: Server
    folder: Path
    base: str
    certificate: Path
    profile: Path | None


async def measure(line: Line, rig: Rig) -> dict[str, float]:
    """Queue the jobs, start a worker, wait until all have ended."""
    database, folder = rig.database, rig.folder
    dsn = database.dsn("prompt_queue")
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(EMPTY)
        urls = (
            photographs(folder, line.jobs) if line.photographs
            else [f"{ORIGIN}/samples/cat.jpg"] * line.jobs
        )  # fmt: skip
        await connection.execute(INSERT, [new_id() for _ in urls], urls)
        await connection.execute("vacuum analyze")
        environment = {
            "DATABASE_URL": dsn, "XAI_API_KEY": "key", "XAI_API_BASE": rig.base,
            "SSL_CERT_FILE": str(rig.certificate), "PROMPT_QUEUE_DATA_DIR": str(folder),
            "PROMPT_QUEUE_PUBLIC_URL": ORIGIN, "PROMPT_QUEUE_MODELS": "grok-4.7",
            "PROMPT_QUEUE_CONCURRENCY": "200", "PROMPT_QUEUE_CLAIM_LIMIT": "100",
            "PROMPT_QUEUE_LOG_LEVEL": "warning",
        } | line.settings  # fmt: skip
        database_before = _database_used(database.postmaster)
        with worker(environment, folder / "worker.log") as process:
            while not (ended := dict(await connection.fetch(ENDED))).get("completed"):
                await asyncio.sleep(0.01)
            began, first, used = time.monotonic(), ended["completed"], _used(process)
            spy = _spy(process, rig.profile) if rig.profile else None
            while await connection.fetchval(LEFT):
                if time.monotonic() > began + SECONDS or not process.is_running():
                    raise RuntimeError((folder / "worker.log").read_text())
                await asyncio.sleep(0.02)
            seconds, spent = time.monotonic() - began, _used(process) - used
            if spy is not None:
                spy.send_signal(signal.SIGINT)
                spy.wait(60)
            peak = process.memory_info().rss / 1e6
        ended = dict(await connection.fetch(ENDED))
        if ended != {"completed": line.jobs}:
            raise RuntimeError(f"{line.name}: {ended}")
    finally:
        await connection.close()
    jobs = line.jobs - first
    database_spent = _database_used(database.postmaster) - database_before
    return {
        "jobs_per_second": jobs / seconds,
        "worker_ms": spent / jobs * 1000,
        "database_ms": database_spent / line.jobs * 1000,
        "per_core": jobs / (spent + database_spent * jobs / line.jobs),
        "worker_mb": peak,
    }


def _spy(process: psutil.Process, profile: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        ["py-spy", "record", "--pid", str(process.pid), "--format", "raw", "--rate", "200",
         "--output", str(profile)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


async def run(rounds: int, out: Path, only: str | None, profile: Path | None) -> None:
    """Measure in turns, print medians, and write `whole.json` into the folder."""
    lines = [line for line in LINES if only in {None, line.name}]
    seen: dict[str, list[dict[str, float]]] = {line.name: [] for line in lines}
    with tempfile.TemporaryDirectory(prefix="pq-calls-") as folder, serving(0) as (base, cert):
        async with server() as database:
            await database.install("prompt_queue")
            connection = await asyncpg.connect(database.dsn("prompt_queue"))
            await connection.execute(
                "delete from public.model_rows where id not in "
                "(select id from public.model_rows order by id limit $1)", USERS
            )  # fmt: skip
            await connection.close()
            rig = Rig(database, Path(folder), base, cert, profile)
            for _ in range(rounds):
                for line in lines:
                    seen[line.name].append(await measure(line, rig))
    figures = ("jobs_per_second", "per_core", "worker_ms", "database_ms", "worker_mb")
    table = Table("median of rounds", *figures)
    for name, ones in seen.items():
        table.add_row(name, *(f"{statistics.median(one[f] for one in ones):.4g}" for f in figures))
    Console(width=120).print(table)
    out.mkdir(parents=True, exist_ok=True)
    (out / "whole.json").write_text(json.dumps(seen) + "\n")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Jobs a second through the whole path.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[line.name for line in LINES])
    parser.add_argument("--profile", type=Path, metavar="FILE", help="stacks of py-spy, raw")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), metavar="DIR")
    options = parser.parse_args()
    asyncio.run(run(options.rounds, options.out, options.only, options.profile))


if __name__ == "__main__":
    main()
