"""Fixtures of the whole suite: a real PostgreSQL each, and a wall around the machine."""

import asyncio
import ipaddress
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from uuid import UUID, uuid4

import pytest

from prompt_queue.settings import DEMO_MODEL_ID, DEMO_ROW_ID, DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.row_store import RowStore
from tests.clusters import Clusters, Setting

pytest_plugins = ["prompt_queue.testing"]

for _name in ("XAI_API_KEY", "WAVESPEED_API_KEY", "DATABASE_URL", "DATABASE_DIRECT_URL"):
    os.environ.pop(_name, None)


def _refuse_the_outside(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and address and isinstance(address[0], str):
        host = address[0]
        try:
            inside = ipaddress.ip_address(host).is_loopback
        except ValueError:
            inside = host == "localhost"
        if not inside:
            raise PermissionError(f"the suite may only talk to this machine, not to {host}")


sys.addaudithook(_refuse_the_outside)


async def until(
    condition: Callable[[], Awaitable[object]], deadline: float = 20.0, every: float = 0.02
) -> object:
    """Wait until the condition holds and return what it returned; fails after the deadline."""
    end = time.monotonic() + deadline
    while True:
        found = await condition()
        if found:
            return found
        assert time.monotonic() < end, f"still not so after {deadline} s: {condition}"
        await asyncio.sleep(every)


async def until_true(condition: Callable[[], object], deadline: float = 20.0) -> object:
    """The same for a condition that does not wait itself."""

    async def found() -> object:
        return condition()

    return await until(found, deadline, every=0.01)


@pytest.fixture(scope="session")
def clusters() -> Iterator[Clusters]:
    """The PostgreSQL servers of this run."""
    running = Clusters()
    yield running
    running.stop()


def installed(setting: Setting) -> Setting:
    """The setting; a developer's machine may lack it and skips the test, CI has all of them."""
    if setting.missing and "CI" not in os.environ:
        pytest.skip(f"Debian's {setting.missing} is not installed")
    return setting


@pytest.fixture
def setting() -> Setting:
    """What the test runs on; the store and the worker run on more than this."""
    return Setting()


@pytest.fixture
async def empty_database_url(clusters: Clusters, setting: Setting) -> AsyncIterator[str]:
    """A database with nothing in it, behind the pooler where there is one."""
    name = f"empty_{uuid4().hex}"
    url = await clusters.clone(setting.major, name, migrated=False)
    yield clusters.pooled(setting.major, url) if setting.pooled else url
    await clusters.drop(setting.major, name)


@pytest.fixture
async def direct_url(clusters: Clusters, setting: Setting) -> AsyncIterator[str]:
    """A migrated database of the test's own, past any pooler: here LISTEN is possible."""
    name = f"test_{uuid4().hex}"
    yield await clusters.clone(setting.major, name)
    await clusters.drop(setting.major, name)


@pytest.fixture
def database_url(clusters: Clusters, setting: Setting, direct_url: str) -> str:
    """The same database as the program under test reaches it."""
    return clusters.pooled(setting.major, direct_url) if setting.pooled else direct_url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The store's connection pool on the test's own database."""
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def demo(database: Database) -> UUID:
    """The demo user, model and row exist; returns the row's id."""
    await RowStore(database).seed_demo(DEMO_USER_ID, DEMO_MODEL_ID, DEMO_ROW_ID)
    return DEMO_ROW_ID
