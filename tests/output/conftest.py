"""A server with one local user."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from tests.api.running import Api, running
from tests.cli.conftest import bare_shell, shell
from tests.tracing.conftest import spans

__all__ = ["bare_shell", "shell", "spans"]

CRON_SECRET = "a-secret-for-cron"


@pytest.fixture
async def api(database_url: str, demo: UUID, tmp_path: Path) -> AsyncIterator[Api]:
    """It makes pictures too, and the operator's token is known."""
    async with running(
        database_url, tmp_path, cron_secret=CRON_SECRET, wavespeed_api_key="key",
        wavespeed_level="none",
    ) as started:  # fmt: skip
        yield started


@pytest.fixture
def store(database: Database) -> PromptStore:
    """The queue as the worker sees it."""
    return PromptStore(database)
