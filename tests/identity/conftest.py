"""A server that asks for tokens, and two users who have them."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.guards.api_keys import ApiKey
from prompt_queue.jobs.scopes import Scope
from prompt_queue.store.database import Database
from prompt_queue.store.key_store import KeyStore
from tests.api.running import Api, running
from tests.identity.project import Project, open_project

CRON_SECRET = "a-secret-for-cron"


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    """A Supabase project that publishes one ES256 key."""
    async with open_project() as opened:
        yield opened


@pytest.fixture
async def api(database_url: str, project: Project, tmp_path: Path) -> AsyncIterator[Api]:
    """A server that takes the project's tokens, and API keys."""
    async with running(
        database_url, tmp_path, supabase_url=project.url, cron_secret=CRON_SECRET,
        wavespeed_api_key="a-key-for-pictures",
    ) as started:  # fmt: skip
        yield started


async def new_user(database_url: str) -> UUID:
    """Somebody in auth.users."""
    user = uuid4()
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("insert into auth.users (id) values ($1)", user)
    finally:
        await connection.close()
    return user


@pytest.fixture
async def user_a(database_url: str) -> UUID:
    """A user of the project."""
    return await new_user(database_url)


@pytest.fixture
async def user_b(database_url: str) -> UUID:
    """Another one."""
    return await new_user(database_url)


def bearer(text: str) -> dict[str, str]:
    """The header that shows it."""
    return {"Authorization": f"Bearer {text}"}


async def new_key(
    database: Database, *scopes: Scope, user: UUID | None = None, seconds: float | None = None
) -> ApiKey:
    """A key that opens, as the command line makes it."""
    key = ApiKey.make()
    made = await KeyStore(database).create(
        key.prefix, key.digest, "test", scopes, user_id=user, seconds=seconds, actor="test"
    )
    assert made is not None
    return key
