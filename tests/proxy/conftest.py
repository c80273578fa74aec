"""The queue's database behind a proxy: `database` goes past it, `store` and `intake` through it."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from lab.proxy.postgres import PostgresProxy, postgres_proxy

from prompt_queue.jobs.job import PromptJob
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.intake import Intake, NewJob
from prompt_queue.store.prompt_store import PromptStore
from tests.conftest import until
from tests.worker.conftest import make_settings

__all__ = ["make_settings"]


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[PostgresProxy]:
    """A proxy in front of the test's own database."""
    async with postgres_proxy(database_url) as listening:
        yield listening


@pytest.fixture
async def proxied(proxy: PostgresProxy) -> AsyncIterator[Database]:
    """The connection pool of a client that sits behind the proxy."""
    opened = await Database.open(proxy.dsn)
    yield opened
    await opened.close()


@pytest.fixture
def store(proxied: Database) -> PromptStore:
    """The queue as a client behind the proxy sees it."""
    return PromptStore(proxied)


async def enqueue(
    database: Database, row: UUID, target: str = "https://example.com/a.jpg", **values: int
) -> UUID:
    """The id of a new job."""
    job = NewJob(row_id=row, target_url=target, user_id=DEMO_USER_ID, **values)
    return (await Intake(database).enqueue(job)).job_id


async def kinds(database: Database, job_id: UUID) -> list[str]:
    """What the job's timeline says, oldest first."""
    return [event["kind"] for event in await PromptStore(database).events(job_id)]


async def settled(database: Database, job_id: UUID, deadline: float = 20.0) -> PromptJob:
    """The job when it is final, as seen past the proxy."""

    async def final() -> PromptJob | None:
        job = await PromptStore(database).find_job(job_id)
        return job if job and job.status.is_final else None

    found = await until(final, deadline)
    assert isinstance(found, PromptJob)
    return found
