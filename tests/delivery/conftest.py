"""A receiver, the outbox, and a loop that delivers."""

from collections.abc import AsyncIterator

import pytest

from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.webhook_store import WebhookStore
from tests.delivery.receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A real HTTP server on this machine."""
    async with receiving() as found:
        yield found


@pytest.fixture
def outbox(database: Database) -> WebhookStore:
    """Webhooks as the worker sees them."""
    return WebhookStore(database)


@pytest.fixture
def store(database: Database) -> PromptStore:
    """The queue as the worker sees it."""
    return PromptStore(database)
