"""Streams that break at any moment, and servers that stop under them: no event is missed."""

import asyncio
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from uuid import UUID

import aiohttp
import asyncpg
import pytest

from prompt_queue.settings import DEMO_MODEL_ID, DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from tests.api.listening import Frame, listening
from tests.conftest import until
from tests.deploy.programs import running
from tests.e2e.stack import free_port

JOBS = """
insert into prompt_generation_jobs (row_id, model_id, user_id, target_url)
select $1, $2, $3, 'https://images.example.com/p.jpg' from generate_series(1, $4) returning id
"""
LATE = "insert into prompt_job_events (job_id, user_id, kind) values ($1, $2, 'late') returning id"
EXIT_SECONDS = 5.0


@dataclass
class Client:
    """Watches one address until it has heard enough, over as many streams as that takes."""

    url: str
    events: set[int] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    is_final: bool = False
    streams: int = 0
    first_id: int | None = None
    last_id: int | None = None

    async def watch(
        self,
        session: aiohttp.ClientSession,
        is_enough: Callable[[], bool],
        patience: Callable[[], float],
    ) -> None:
        """Each stream is left after `patience()` seconds, wherever it is."""
        in_vain = 0
        while not is_enough():
            heard = self.last_id
            try:
                # Who heard nothing waits longer next time: this machine may be slow.
                async with asyncio.timeout(patience() * (1 + in_vain)):
                    await self._listen(session, is_enough)
            except TimeoutError:
                await asyncio.sleep(0.02)
            except aiohttp.ClientError:
                await asyncio.sleep(1.0)
            in_vain = 0 if self.last_id != heard else in_vain + 1

    async def _listen(self, session: aiohttp.ClientSession, is_enough: Callable[[], bool]) -> None:
        if self.last_id is not None:
            self.streams += 1
        try:
            async with listening(session, self.url, self.last_id) as ear:
                while not is_enough() and (frame := await ear.next(60)):
                    self._hear(frame)
        except AssertionError:
            # 204: there is nothing behind what was heard.
            self.is_final = True

    def _hear(self, frame: Frame) -> None:
        assert frame.event != "resync"
        if frame.id is not None:
            self.last_id = frame.id
            self.first_id = self.first_id or frame.id
        if frame.event == "update":
            self.events.add(frame.data["eventId"])
            self.kinds.add(frame.data["kind"])
        if frame.event == "end" and frame.data["reason"] == "final":
            self.is_final = True


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """As many connections as are asked for."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as opened:
        yield opened


@pytest.fixture
async def jobs(database_url: str, demo: UUID) -> list[UUID]:
    """Two hundred jobs of the local user, queued."""
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch(JOBS, demo, DEMO_MODEL_ID, DEMO_USER_ID, 200)
    await connection.close()
    return [row["id"] for row in rows]


@contextmanager
def serving(database_url: str, folder: Path, port: int) -> Iterator[Popen[bytes]]:
    """A server process on that port."""
    environment = {
        "PROMPT_QUEUE_USER_STREAMS": "1000",
        "DATABASE_URL": database_url, "PROMPT_QUEUE_PORT": str(port), "XAI_API_KEY": "",
        "PROMPT_QUEUE_DATA_DIR": str(folder / "data"),
    }  # fmt: skip
    command = [sys.executable, "-m", "prompt_queue", "serve"]
    with running(command, folder / f"server-{time.monotonic_ns()}.log", environment) as process:
        yield process


async def ready(session: aiohttp.ClientSession, base: str) -> None:
    """Until the server answers."""

    async def answers() -> bool:
        try:
            async with session.get(f"{base}/api/health/ready") as reply:
                return reply.status == 200
        except aiohttp.ClientError:
            return False

    await until(answers, 40.0, every=0.1)


async def work(store: PromptStore, dice: random.Random) -> None:
    """Be a worker that completes whatever there is, a few at a time."""
    while claims := await store.claim(3, "tester", 60):
        await asyncio.sleep(dice.uniform(0.0, 0.1))
        await store.settle([
            {"job_id": str(claim.job_id), "lease_token": str(claim.lease_token),
             "outcome": "completed", "prompt": "Teal.", "source": "model", "model": "m"}
            for claim in claims
        ])  # fmt: skip


@pytest.mark.timeout(300)
async def test_a_thousand_reconnects_miss_no_event(
    database_url: str, database: Database, jobs: list[UUID], session: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:  # fmt: skip
    """At random moments under load, with a transaction open in the middle that ends a job late."""
    dice, port = random.Random(8), free_port()
    base = f"http://127.0.0.1:{port}"
    everything = [Client(f"{base}/api/events") for _ in range(12)]
    single = [Client(f"{base}/api/prompt/queue/{job}/events") for job in jobs]
    wanted: set[int] = set()

    async def enough_streams() -> bool:
        return sum(client.streams for client in (*everything, *single)) >= 1000

    def patience() -> float:
        return dice.uniform(0.05, 1.0)

    with serving(database_url, tmp_path, port):
        await ready(session, base)
        store = PromptStore(database)
        # One job ends in a transaction that stays open while the others end.
        holder = await asyncpg.connect(database_url)
        watching = [
            asyncio.create_task(
                client.watch(
                    session, lambda c=client: bool(wanted) and c.events >= wanted, patience
                )
            )
            for client in everything
        ]
        await until(lambda: _are_there(everything), 40.0)
        watching += [
            asyncio.create_task(client.watch(session, lambda c=client: c.is_final, patience))
            for client in single
        ]
        await until(lambda: _are_there(single), 60.0)
        held = holder.transaction()
        await held.start()
        await holder.fetch("select * from cancel_prompt_job($1)", jobs[-1])
        late = await holder.fetchval(LATE, jobs[0], DEMO_USER_ID)
        await asyncio.gather(work(store, dice), work(store, dice))
        await until(enough_streams, 120.0)
        await held.commit()
        begun = max(client.first_id or 0 for client in everything)
        rows = await holder.fetch("select id from prompt_job_events where id > $1", begun)
        wanted |= {row["id"] for row in rows}
        async with asyncio.timeout(60):
            await asyncio.gather(*watching)
        await holder.close()
    assert all(late in client.events for client in everything)
    assert all("completed" in client.kinds for client in single[:-1])
    assert "cancelled" in single[-1].kinds


async def _are_there(clients: list[Client]) -> bool:
    return all(client.last_id is not None for client in clients)


async def test_a_server_stops_in_time_and_its_streams_go_on_at_the_next(
    database_url: str, database: Database, jobs: list[UUID], session: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Two hundred are open; what happens while no server is there is told by the next."""
    dice, port = random.Random(5), free_port()
    base = f"http://127.0.0.1:{port}"
    clients = [Client(f"{base}/api/prompt/queue/{job}/events") for job in jobs]
    with serving(database_url, tmp_path, port) as first:
        await ready(session, base)
        watching = [
            asyncio.create_task(client.watch(session, lambda c=client: c.is_final, lambda: 120.0))
            for client in clients
        ]
        await until(lambda: _are_there(clients), 40.0)
        first.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert await asyncio.to_thread(first.wait, 30) == 0
        assert time.monotonic() - began < EXIT_SECONDS
    await work(PromptStore(database), dice)
    with serving(database_url, tmp_path, port):
        async with asyncio.timeout(60):
            await asyncio.gather(*watching)
    assert all(client.kinds >= {"claimed", "completed"} for client in clients)
