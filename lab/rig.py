"""A campaign's world: database, provider, pictures, workers, and the client that puts jobs in."""

import asyncio
import hashlib
import io
import json
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from PIL import Image

from lab.cluster import DurableCluster
from lab.collect import collect
from lab.forks import Forks
from lab.logs import Election, Harm, Logs
from prompt_queue.settings import Settings, load_settings
from prompt_queue.store.database import Database, DatabaseUnavailable
from prompt_queue.store.intake import IdempotencyKey, Intake, NewJob
from prompt_queue.store.migrate import migrate, read_migrations
from prompt_queue.testing import PictureServer, StandIn

LEASE_SECONDS = 1.0
DRAIN_SECONDS = 120.0
LATENCY_SECONDS = 0.15
_SEED = """
with owner as (insert into auth.users default values returning id),
model as (insert into public.models (user_id, name) select id, 'lab' from owner returning id)
insert into public.model_rows (model_id, user_id) select model.id, owner.id from model, owner
returning id, user_id
"""
_OPEN = """
select count(*) from public.prompt_generation_jobs
where status not in ('completed', 'failed', 'cancelled')
"""


@dataclass
class Rig:
    """The world, and everything done to it that the checker has to know."""

    cluster: DurableCluster
    stand_in: StandIn
    pictures: PictureServer
    forks: Forks
    database: Database
    settings: Settings
    random: random.Random
    owner: UUID
    row: UUID
    clock_offset: float
    history: Path
    nonces: dict[str, str] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)
    elections: list[Election] = field(default_factory=list)
    harms: list[Harm] = field(default_factory=list)

    def harmed(self, at: float, pid: int | None = None) -> None:
        """A worker, or with None the database, was hit at this monotonic time."""
        self.harms.append(Harm(at + self.clock_offset, pid))

    def elected(self, name: str, winners: list[str]) -> None:
        """Note who was given a right that only one may have."""
        self.elections.append(Election(name, tuple(winners)))

    async def enqueue(self, count: int = 1, *, key: str | None = None) -> None:
        """Put jobs in one by one, each with a picture of its own, and write the history."""
        for _ in range(count):
            name = f"{self.random.randbytes(8).hex()}.png"
            data = self._picture()
            url = self.pictures.add(name, data)
            self.nonces[url] = hashlib.sha256(data).hexdigest()
            await self._post(url, key or name)

    async def drain(self) -> None:
        """Let healthy workers finish everything; returns when all is final, or time is up."""
        self.stand_in.clear_faults()
        workers = [await self.forks.start() for _ in range(2)]
        until = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < until:
            if await self.look(_OPEN) == 0:
                break
            await asyncio.sleep(0.2)
        await self.forks.retire(workers)

    async def look(self, query: str) -> Any:
        """One value, over a connection of its own."""
        connection = await asyncpg.connect(self.cluster.dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    async def logs(self) -> Logs:
        """The three logs, for the checker."""
        lines = self.history.read_text().splitlines()
        calls = [sha for call in self.stand_in.calls() for sha in call["image_sha256s"]]
        logs = await collect(self.cluster.dsn, lines, calls, self.nonces, self.harms)
        logs.elections = self.elections
        logs.surprises = self.surprises + [
            f"a worker ended by itself with {code}" for code in self.forks.crashes
        ]
        return logs

    async def kill(self, pid: int) -> None:
        """SIGKILL a worker and remember when."""
        self.forks.signal(pid, signal.SIGKILL)
        at = await self.forks.ended(pid, 5)
        if at is not None:
            self.harmed(at, pid)

    async def _post(self, url: str, key: str) -> None:
        job = NewJob(row_id=self.row, target_url=url)
        once = IdempotencyKey(user_id=self.owner, key=key, fingerprint=key.encode())
        self._note(key, "invoke")
        try:
            answer = await Intake(self.database).enqueue(job, once)
        except DatabaseUnavailable:
            self._note(key, "info")
        except Exception as error:  # noqa: BLE001 - the laboratory wants to know of every one
            self._note(key, "info")
            self.surprises.append(f"the intake raised {type(error).__name__}: {error}")
        else:
            self._note(key, "ok", str(answer.job_id))

    def _note(self, key: str, outcome: str, job_id: str | None = None) -> None:
        with self.history.open("a") as file:
            file.write(json.dumps({"key": key, "outcome": outcome, "job_id": job_id}) + "\n")

    def _picture(self) -> bytes:
        file = io.BytesIO()
        Image.frombytes("RGB", (32, 32), self.random.randbytes(32 * 32 * 3)).save(file, "PNG")
        return file.getvalue()


@asynccontextmanager
async def open_rig(seed: int) -> AsyncIterator[Rig]:
    """Everything started; everything gone at the end."""
    cluster = await asyncio.to_thread(DurableCluster.create)
    try:
        with (
            StandIn.start(latency_seconds=LATENCY_SECONDS) as stand_in,
            PictureServer() as pictures,
        ):
            await migrate(cluster.dsn, read_migrations())
            connection = await asyncpg.connect(cluster.dsn)
            try:
                await connection.execute(Path(__file__).with_name("audit.sql").read_text())
                row = await connection.fetchrow(_SEED)
                now = await connection.fetchval("select extract(epoch from clock_timestamp())")
                offset = float(now) - time.monotonic()
            finally:
                await connection.close()
            values = _values(cluster, stand_in, pictures)
            forks = await Forks.open(values, cluster.dsn, cluster.folder / "workers.log")
            database = await Database.open(cluster.dsn)
            try:
                yield Rig(
                    cluster,
                    stand_in,
                    pictures,
                    forks,
                    database,
                    load_settings({}, Path("no.env"), **values),
                    random.Random(seed),
                    row["user_id"],
                    row["id"],
                    offset,
                    cluster.folder / "history.jsonl",
                )
            finally:
                await forks.close()
                await database.close()
    finally:
        await asyncio.to_thread(cluster.close)


def _values(cluster: DurableCluster, stand_in: StandIn, pictures: PictureServer) -> dict[str, Any]:
    return {
        "xai_api_key": stand_in.api_key,
        "xai_api_base": stand_in.base_url,
        "database_url": cluster.dsn,
        "data_dir": str(cluster.folder / "workers"),
        "trusted_image_hosts": [pictures.host_port],
        "concurrency": 3,
        "lease_seconds": LEASE_SECONDS,
        "poll_seconds": 0.1,
        "drain_seconds": 3.0,
        "attempt_timeout_seconds": 5.0,
        "retry_base_delay_ms": 20,
        "retry_max_delay_ms": 200,
    }
