"""The application on a port of its own, with the demo user, model and row."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from tests.api.running import Api, running

CRON_SECRET = "a-secret-for-cron"


@pytest.fixture
async def api(database_url: str, demo: UUID, tmp_path: Path) -> AsyncIterator[Api]:
    """A server with one local user, as it runs without an identity provider."""
    async with running(database_url, tmp_path, cron_secret=CRON_SECRET) as started:
        yield started


@pytest.fixture
def store(database: Database) -> PromptStore:
    """The queue as the worker sees it."""
    return PromptStore(database)
