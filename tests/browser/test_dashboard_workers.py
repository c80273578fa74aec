"""An operator finds out why nothing moves where workers are missing, or one user has his share."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from prompt_queue.testing import PictureServer, StandIn
from tests.browser.operator import SOON, ends, press, told, waits
from tests.e2e.stack import Stack
from tests.photographs import plain

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def pictures() -> Iterator[PictureServer]:
    """The pictures of this module's jobs."""
    with PictureServer() as server:
        yield server


@pytest.fixture(scope="module")
def photo(pictures: PictureServer) -> str:
    return pictures.add("t.png", plain("teal"))


@pytest.fixture(scope="module")
def stack(pictures: PictureServer, xai_stand_in_process: StandIn) -> Iterator[Stack]:
    """No worker; one job at once for each user, once there is one."""
    running = Stack(
        {
            "XAI_API_KEY": xai_stand_in_process.api_key,
            "XAI_API_BASE": xai_stand_in_process.base_url,
            "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": pictures.host_port,
            "PROMPT_QUEUE_MODELS": "grok-4.7",
            "PROMPT_QUEUE_USER_IN_FLIGHT_CAP": "1",
            "PROMPT_QUEUE_CACHE_SECONDS": "0",
            "PROMPT_QUEUE_LEASE_SECONDS": "3",
            "WAVESPEED_API_KEY": "none",
            "WAVESPEED_API_BASE": "http://127.0.0.1:9",
        },
        workers=0,
    ).up()
    yield running
    running.close()


async def test_nobody_works(page: Page, stack: Stack, photo: str) -> None:
    """Overview and job say so, with the command; once it runs, both change by themselves."""
    job = stack.enqueue(photo)
    await page.goto("/ops")
    heading = page.get_by_role("heading", level=1)
    await expect(heading).to_have_text("Nobody works: start a worker", timeout=SOON)
    why = await waits(page, job, "No worker runs")
    await expect(why.get_by_text("prompt-queue work", exact=True).last).to_be_visible()
    await asyncio.to_thread(stack.work)
    await ends(page)
    await page.get_by_role("link", name="Overview").click()
    await expect(heading).to_have_text("All is well", timeout=SOON)
    await page.get_by_role("link", name="Workers", exact=True).click()
    await expect(page.get_by_text("alive")).to_be_visible(timeout=SOON)


async def test_a_user_has_his_share(
    page: Page, stack: Stack, photo: str, xai_stand_in: StandIn
) -> None:
    """The page leads to the user's job that is at work; when that is cancelled this one starts."""
    xai_stand_in.script({"fault": "hang", "seconds": 300})
    first = stack.enqueue(photo)
    second = stack.enqueue(photo)
    why = await waits(page, second, "Its user has enough jobs at work")
    await why.get_by_role("link", name="Jobs of this user that are at work").click()
    await page.get_by_role("checkbox", name=f"Choose {first}").check()
    await press(page, "Cancel jobs", yes="Cancel for good", reason="it hangs")
    await told(page, "1 job cancelled.")
    await page.goto(f"/ops/jobs/{second}")
    await ends(page)
