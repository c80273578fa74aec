"""Stacks for end-to-end tests, with a stand-in whose log and faults the test controls."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from prompt_queue.testing import PictureServer, StandIn, WaveSpeedStandIn
from tests.e2e.receiver import Receiver, receiving
from tests.e2e.stack import Stack

StackFactory = Callable[..., Stack]


def surroundings(
    stand_in: StandIn, picture_server: PictureServer, **settings: Any
) -> dict[str, str]:
    """The environment of a stack that talks to this stand-in and trusts this picture server."""
    return {
        "XAI_API_KEY": stand_in.api_key,
        "XAI_API_BASE": stand_in.base_url,
        "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": picture_server.host_port,
        "PROMPT_QUEUE_RETRY_BASE_DELAY_MS": "100",
        # Tests of prompts need nobody who paints.
        "WAVESPEED_API_KEY": "none",
        "WAVESPEED_API_BASE": "http://127.0.0.1:9",
        # Tests that count calls may use one picture for many.
        "PROMPT_QUEUE_CACHE_SECONDS": "0",
    } | {_variable(name): str(value) for name, value in settings.items()}


def _variable(setting: str) -> str:
    return setting if setting.isupper() else f"PROMPT_QUEUE_{setting.upper()}"


@pytest.fixture
def make_stack(xai_stand_in: StandIn, picture_server: PictureServer) -> Iterator[StackFactory]:
    """Starts stacks that talk to the test's own stand-in and trust its picture server."""
    made: list[Stack] = []

    def make(workers: int = 1, **settings: Any) -> Stack:
        environment = surroundings(xai_stand_in, picture_server, **settings)
        stack = Stack(environment, workers=workers)
        made.append(stack)
        return stack.up()

    yield make
    for stack in made:
        stack.close()


@pytest.fixture
def webhook_receiver() -> Iterator[Receiver]:
    """Hears the webhooks of one test."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def make_studio(make_stack: StackFactory, wavespeed_stand_in: WaveSpeedStandIn) -> StackFactory:
    """Stacks whose pictures come from the test's own stand-in, without its account's limits."""

    def make(workers: int = 1, **settings: Any) -> Stack:
        return make_stack(
            workers,
            **{
                "WAVESPEED_API_KEY": wavespeed_stand_in.api_key,
                "WAVESPEED_API_BASE": wavespeed_stand_in.base_url,
                "wavespeed_level": "none",
                "picture_stand_in": "true",
                "reconcile_seconds": 3,
            }
            | settings,
        )

    return make
