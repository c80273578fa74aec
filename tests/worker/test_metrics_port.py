"""GET /metrics of a worker: real processes, and clients that mean no good."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.testing import PictureServer, StandIn
from prompt_queue.worker import metrics_port as port_module
from prompt_queue.worker.exposition import WORKER_METRICS, WorkerCollector
from prompt_queue.worker.heartbeat import Heartbeat
from prompt_queue.worker.leases import HeldLeases
from prompt_queue.worker.metrics_port import MOST_CONNECTIONS, metrics_port
from tests.clusters import Setting
from tests.conftest import until
from tests.photographs import plain
from tests.proxy.conftest import enqueue, settled
from tests.worker.conftest import SettingsFactory, running

HOST = "127.0.0.1"
Samples = dict[tuple[str, ...], float]


@pytest.fixture
def setting() -> Setting:
    """The port asks no database."""
    return Setting()


def parsed(text: str) -> Samples:
    """Name and values of labels, in the order of their names -> value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def ask(port: int, question: str = "GET /metrics HTTP/1.1") -> tuple[int, str]:
    """Status and body, as a client gets them that reads to the end."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(f"{question}\r\nHost: {HOST}\r\nUser-Agent: test\r\n\r\n".encode())
        reply = (await reader.read()).decode()
        writer.close()
    head, body = reply.split("\r\n\r\n", 1)
    assert f"Content-Length: {len(body.encode())}\r\n" in head + "\r\n"
    return int(head.split(" ")[1]), body


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What still comes; a connection that is reset brings nothing more."""
    async with asyncio.timeout(5):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def scrape(port: int) -> Samples:
    """What a scraper reads."""
    status, text = await ask(port)
    assert status == 200
    return parsed(text)


@dataclass
class Worker:
    """A process, and what it has logged."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, object]]

    async def line(self, event: str) -> dict[str, object]:
        """The first line about this event, waited for."""

        async def there() -> dict[str, object] | None:
            return next((line for line in self.lines if line["event"] == event), None)

        found = await until(there)
        assert isinstance(found, dict)
        return found


Start = Callable[..., AbstractAsyncContextManager[Worker]]


@pytest.fixture
def worker(
    xai_stand_in: StandIn, picture_server: PictureServer, tmp_path: Path, database_url: str
) -> Start:
    """Starts `prompt-queue work` with a metrics port; killed at the end."""

    @asynccontextmanager
    async def start(port: int) -> AsyncIterator[Worker]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PROMPT_QUEUE_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "prompt_queue", "work",
            cwd=tmp_path, stderr=asyncio.subprocess.PIPE,
            env=clean | {
                "DATABASE_URL": database_url,
                "XAI_API_KEY": xai_stand_in.api_key,
                "XAI_API_BASE": xai_stand_in.base_url,
                "PROMPT_QUEUE_DATA_DIR": str(tmp_path),
                "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": picture_server.host_port,
                "PROMPT_QUEUE_LOG_FORMAT": "json",
                "PROMPT_QUEUE_METRICS_PORT": str(port),
                "PROMPT_QUEUE_CONCURRENCY": "7",
            },
        )  # fmt: skip
        found = Worker(process, [])
        reading = asyncio.create_task(read(process, found.lines))
        try:
            yield found
        finally:
            process.kill()
            await process.wait()
            await reading

    return start


async def read(process: asyncio.subprocess.Process, lines: list[dict[str, object]]) -> None:
    """Keep what the process logs."""
    assert process.stderr is not None
    async for line in process.stderr:
        lines.append(json.loads(line))


async def test_a_worker_tells_what_it_has_done(
    database: Database, demo: UUID, worker: Start, picture_server: PictureServer
) -> None:
    """A scraper of a real process reads its slots, its outcomes and its start, and no job's id."""
    async with worker(0) as found:
        port = (await found.line("metrics.listening"))["port"]
        assert isinstance(port, int)
        before = await scrape(port)
        assert before["prompt_queue_worker_slots", "jobs"] == 7
        assert before["prompt_queue_worker_claimed_total", "jobs"] == 0
        job = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
        await settled(database, job)

        async def counted() -> str | None:
            _, text = await ask(port)
            done = 'prompt_queue_worker_settled_total{loop="jobs",outcome="done"} 1.0'
            return text if done in text else None

        text = await until(counted)
        assert isinstance(text, str)
        assert str(job) not in text
        after = parsed(text)
        assert after["prompt_queue_worker_claimed_total", "jobs"] == 1
        assert after["prompt_queue_worker_slots_used", "jobs"] == 0
        assert after["prompt_queue_worker_leases",] == 0
        assert after["prompt_queue_worker_heartbeats_missed_total",] == 0
        assert 0 <= after["prompt_queue_event_loop_lag_seconds",] < 10
        assert after["prompt_queue_pool_connections", "idle"] >= 1
        assert after["process_start_time_seconds",] > 0
        families = {family.name for family in text_string_to_metric_families(text)}
        assert {metric.name.removesuffix("_total") for metric in WORKER_METRICS} <= families


async def test_a_worker_whose_port_is_taken_works_without(
    database: Database, demo: UUID, worker: Start, picture_server: PictureServer
) -> None:
    """It says so in its log, with the port, and does its jobs."""
    with socket.create_server((HOST, 0)) as holder:
        port = holder.getsockname()[1]
        async with worker(port) as found:
            line = await found.line("metrics.unavailable")
            assert (line["level"], line["port"]) == ("warning", port)
            assert "another process has it" in str(line["reason"])
            job = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
            assert (await settled(database, job)).generated_prompt
            assert found.process.returncode is None


async def test_without_the_setting_there_is_no_port() -> None:
    """Nothing listens that nobody asked for."""
    async with metrics_port(HOST, None, lambda: b"") as bound:
        assert bound is None


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ("GET /metrics?name[]=x HTTP/1.0", 200),
        ("GET / HTTP/1.1", 404),
        ("POST /metrics HTTP/1.1", 405),
        ("GET  /metrics", 400),
        ("SSH-2.0-OpenSSH_9.2", 400),
    ],
)
async def test_other_questions_get_a_short_answer(question: str, status: int) -> None:
    """Nothing but GET /metrics is told anything."""
    async with metrics_port(HOST, 0, lambda: b"facts 1\n") as port:
        assert port is not None
        found, body = await ask(port, question)
    assert (found, "facts" in body) == (status, status == 200)


async def test_a_client_that_says_nothing_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others are answered meanwhile; beyond sixteen the next is turned away, until time is up."""
    monkeypatch.setattr(port_module, "QUESTION_SECONDS", 1.5)
    async with metrics_port(HOST, 0, lambda: b"facts 1\n") as port:
        assert port is not None
        silent = [await asyncio.open_connection(HOST, port) for _ in range(MOST_CONNECTIONS - 1)]
        assert (await ask(port))[0] == 200
        silent.append(await asyncio.open_connection(HOST, port))

        async def turned_away() -> bool:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
            answer = await rest(reader)
            writer.close()
            return answer == b""

        assert await until(turned_away, deadline=1.0)

        async def answered() -> bool:
            try:
                return (await ask(port))[0] == 200
            except (OSError, ValueError):
                return False

        assert await until(answered, deadline=10.0)
        for reader, writer in silent:
            assert await rest(reader) == b""
            writer.close()


async def test_a_question_without_end_is_cut() -> None:
    """A head of more than eight kilobytes is not read further."""
    async with metrics_port(HOST, 0, lambda: b"facts 1\n") as port:
        assert port is not None
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100_000)
        assert await rest(reader) == b""
        writer.close()
        assert (await ask(port))[0] == 200


async def test_an_outcome_that_came_too_late_is_counted_as_such(
    database: Database,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """The job was cancelled while Grok wrote: the work did not count, and no outcome did."""
    xai_stand_in.settings(latency_seconds=1.0)
    store = PromptStore(database)
    job = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
    async with running(make_settings(), database) as parts:

        async def asked() -> object:
            return await store.calls(job)

        await until(asked)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(WorkerCollector(parts))

        def now() -> Samples:
            return parsed(generate_latest(registry).decode())

        assert now()["prompt_queue_worker_slots_used", "jobs"] == 1
        assert now()["prompt_queue_worker_leases",] == 1
        await store.cancel(job)

        async def refused() -> bool:
            return now()["prompt_queue_worker_refused_total", "jobs"] == 1

        await until(refused)
        assert ("prompt_queue_worker_settled_total", "jobs", "done") not in now()
        assert now()["prompt_queue_worker_leases",] == 0


async def test_heartbeats_that_do_not_arrive_are_counted() -> None:
    """A worker that nobody hears is one to look at before its leases run out."""
    with socket.create_server((HOST, 0)) as nobody:
        port = nobody.getsockname()[1]
    dsn = f"postgresql://nobody@{HOST}:{port}/none"
    heartbeat = Heartbeat(dsn, "w", 1, HeldLeases(), 0.5)
    heartbeat.start()
    try:

        async def missed() -> bool:
            return heartbeat.missed >= 2

        await until(missed)
    finally:
        await asyncio.to_thread(heartbeat.stop)
