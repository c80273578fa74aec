"""Stacks for end-to-end tests, with a stand-in whose log and faults the test controls."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from prompt_queue.testing import PictureServer, StandIn
from tests.e2e.stack import Stack

StackFactory = Callable[..., Stack]


@pytest.fixture
def make_stack(xai_stand_in: StandIn, picture_server: PictureServer) -> Iterator[StackFactory]:
    """Starts stacks that talk to the test's own stand-in and trust its picture server."""
    made: list[Stack] = []

    def make(workers: int = 1, **settings: Any) -> Stack:
        environment = {
            "XAI_API_KEY": xai_stand_in.api_key,
            "XAI_API_BASE": xai_stand_in.base_url,
            "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": picture_server.host_port,
            "PROMPT_QUEUE_RETRY_BASE_DELAY_MS": "100",
            # Tests that count calls may use one picture for many.
            "PROMPT_QUEUE_CACHE_SECONDS": "0",
        } | {_variable(name): str(value) for name, value in settings.items()}
        stack = Stack(environment, workers=workers)
        made.append(stack)
        return stack.up()

    yield make
    for stack in made:
        stack.close()


def _variable(setting: str) -> str:
    return setting if setting.isupper() else f"PROMPT_QUEUE_{setting.upper()}"
