"""The studio as a test sees it, on a stack whose providers are the test's own stand-ins."""

from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect

from prompt_queue.testing import StandIn, WaveSpeedStandIn
from tests.e2e.stack import Stack

LONG = 30_000
"""Milliseconds for a prompt or a picture on a busy machine."""


@pytest.fixture(scope="module")
def stack(
    xai_stand_in_process: StandIn, wavespeed_stand_in_process: WaveSpeedStandIn
) -> Iterator[Stack]:
    """`prompt-queue up`; what the providers do is scripted by the test."""
    environment = {
        "XAI_API_KEY": xai_stand_in_process.api_key,
        "XAI_API_BASE": xai_stand_in_process.base_url,
        "WAVESPEED_API_KEY": wavespeed_stand_in_process.api_key,
        "WAVESPEED_API_BASE": wavespeed_stand_in_process.base_url,
        "PROMPT_QUEUE_WAVESPEED_LEVEL": "none",
        "PROMPT_QUEUE_PICTURE_STAND_IN": "true",
        "PROMPT_QUEUE_CACHE_SECONDS": "0",
        "PROMPT_QUEUE_RETRY_BASE_DELAY_MS": "100",
    }
    running = Stack(environment).up()
    yield running
    running.close()


def sheet(page: Page, number: int = 1) -> Locator:
    """A sheet on the desk."""
    return page.locator("pq-row-card").nth(number - 1)


async def begin(page: Page, *references: str, target: str = "astronaut") -> Locator:
    """A first sheet with photographs on it."""
    await page.goto("/")
    first = sheet(page)
    for name in (target, *references):
        await first.get_by_role("button", name=f"Sample photograph: {name}").click()
    return first


async def ask(page: Page, *references: str, words: str = "Make the suit deep red") -> Locator:
    """A first sheet on which Grok has been asked."""
    first = await begin(page, *references)
    await first.get_by_label("What should change?").fill(words)
    await first.get_by_role("button", name="AI Generate").click()
    return first


def prompt_of(one: Locator) -> Locator:
    """The prompt that is there to be read and edited."""
    return one.get_by_role("textbox", name="The prompt")


async def done(one: Locator) -> None:
    """The picture is there."""
    await expect(one.get_by_role("link", name="Open the picture")).to_be_visible(timeout=LONG)
