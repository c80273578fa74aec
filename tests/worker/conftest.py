"""A worker inside the test's own event loop, with the stand-in as its provider."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from prompt_queue.settings import Settings, load_settings
from prompt_queue.store.database import Database
from prompt_queue.testing import PictureServer, StandIn
from prompt_queue.worker.crew import Crew
from prompt_queue.worker.run import crew
from tests.clusters import Setting
from tests.conftest import installed

SettingsFactory = Callable[..., Settings]


@pytest.fixture(params=(Setting(), Setting(pooled=True)), ids=str)
def setting(request: pytest.FixtureRequest) -> Setting:
    """Each test also runs behind a pooler, where nobody hears a NOTIFY."""
    return installed(request.param)


@pytest.fixture
def make_settings(
    xai_stand_in: StandIn, picture_server: PictureServer, tmp_path: Path, database_url: str
) -> SettingsFactory:
    """Settings that point at the stand-in and trust the test's picture server."""

    def make(**overrides: Any) -> Settings:
        values: dict[str, Any] = {
            "xai_api_key": xai_stand_in.api_key,
            "xai_api_base": xai_stand_in.base_url,
            "database_url": database_url,
            "data_dir": tmp_path,
            "trusted_image_hosts": (picture_server.host_port,),
            "poll_seconds": 0.2,
            "retry_base_delay_ms": 20,
            "retry_jitter": "none",
            "drain_seconds": 5.0,
            "cache_seconds": 0.0,
        }
        return load_settings({}, tmp_path / "no.env", **(values | overrides))

    return make


@asynccontextmanager
async def running(settings: Settings, database: Database) -> AsyncIterator[Crew]:
    """A crew at work; drained at the end."""
    async with crew(settings, database) as parts:
        janitor = asyncio.create_task(parts.janitor.run())
        work = asyncio.create_task(parts.loop.run())
        parts.heartbeat.start()
        try:
            yield parts
        finally:
            parts.loop.stop()
            await work
            janitor.cancel()
            await asyncio.gather(janitor, return_exceptions=True)
            await asyncio.to_thread(parts.heartbeat.stop)
