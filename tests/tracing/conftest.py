"""Spans kept in memory, and the whole product inside the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from prompt_queue import tracing
from prompt_queue.settings import load_settings
from prompt_queue.store.database import Database
from prompt_queue.testing import PictureServer, StandIn, WaveSpeedStandIn
from prompt_queue.tracing.sdk import Discreet, OpenTelemetry
from prompt_queue.worker.run import crew
from tests.api import running as serving
from tests.api.running import Api
from tests.conftest import until
from tests.delivery.receiver import Receiver, receiving


@dataclass(frozen=True)
class Spans:
    """What has ended so far."""

    exporter: InMemorySpanExporter

    def all(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def children(self, parent: ReadableSpan) -> list[ReadableSpan]:
        return [span for span in self.all() if parent_of(span) == id_of(parent)]

    async def until(self, name: str, count: int = 1) -> list[ReadableSpan]:
        async def there() -> list[ReadableSpan]:
            found = self.named(name)
            return found if len(found) >= count else []

        found = await until(there)
        assert isinstance(found, list)
        return found


def id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def parent_of(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


@pytest.fixture
def spans() -> Iterator[Spans]:
    """Tracing is on, and nothing leaves this process."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Discreet())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.install(OpenTelemetry(provider, "test"))
    yield Spans(exporter)
    tracing.install(None)
    provider.shutdown()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A real HTTP server on this machine that is told of results."""
    async with receiving() as found:
        yield found


@dataclass(frozen=True)
class House:
    """A server, and a worker that is at it when it is asked to be."""

    api: Api
    row: UUID
    values: dict[str, Any]
    database: Database

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker that makes prompts and pictures and delivers webhooks."""
        settings = load_settings({}, self.values["data_dir"] / "no.env", **self.values)
        async with crew(settings, self.database) as parts:
            loops = (parts.loop, parts.deliveries)
            tasks = [asyncio.create_task(loop.run()) for loop in loops]
            tasks.append(asyncio.create_task(parts.janitor.run()))
            parts.heartbeat.start()
            try:
                yield
            finally:
                for loop in loops:
                    loop.stop()
                await asyncio.gather(*tasks[:2])
                tasks[2].cancel()
                await asyncio.gather(tasks[2], return_exceptions=True)
                await asyncio.to_thread(parts.heartbeat.stop)


@pytest.fixture
async def house(
    spans: Spans,
    database_url: str,
    database: Database,
    demo: UUID,
    tmp_path: Path,
    xai_stand_in: StandIn,
    wavespeed_stand_in: WaveSpeedStandIn,
    picture_server: PictureServer,
    receiver: Receiver,
) -> AsyncIterator[House]:
    """Both stand-ins, a receiver of webhooks, real pictures."""
    wavespeed_stand_in.settings(latency_seconds=0.2)
    values = {
        "xai_api_key": xai_stand_in.api_key,
        "xai_api_base": xai_stand_in.base_url,
        "wavespeed_api_key": wavespeed_stand_in.api_key,
        "wavespeed_api_base": wavespeed_stand_in.base_url,
        "wavespeed_level": "none",
        "trusted_image_hosts": (picture_server.host_port,),
        "trusted_webhook_hosts": (receiver.host_port,),
        "poll_seconds": 0.2,
        "retry_base_delay_ms": 20,
        "retry_jitter": "none",
        "cache_seconds": 0.0,
    }
    async with serving.running(database_url, tmp_path, **values) as api:
        mine = values | {"database_url": database_url, "data_dir": tmp_path}
        yield House(api, demo, mine, database)
