"""What the button goes on through by itself: reloads, no network, restarts, sleep."""

from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Request, expect

from prompt_queue.testing import StandIn
from tests.browser.button_host import SECONDS, Host, host, is_forward, stack
from tests.e2e.stack import Stack

__all__ = ["host", "stack"]

pytestmark = pytest.mark.asyncio(loop_scope="module")
OFFLINE = "No connection. It goes on by itself."


async def test_a_reload_finds_its_job(host: Host, xai_stand_in: StandIn) -> None:
    """In the middle: the same job goes on from where the bar was; also an end is found."""
    xai_stand_in.settings(latency_seconds=2.5)
    await host.open()
    await host.button.click()
    await expect(host.at("writing")).to_be_visible(timeout=SECONDS)
    job, progress = await host.read("promptJobId"), await host.read("progress")
    await host.page.reload()
    await expect(host.at("writing")).to_be_visible(timeout=SECONDS)
    assert await host.read("progress") >= progress
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    (done,) = await host.heard("done")
    assert (done["promptJobId"], done["restored"]) == (job, True)
    await host.page.reload()
    await expect(host.at("done")).to_be_visible()
    assert await host.read("prompt") == done["prompt"]


async def test_another_browser_finds_the_job_of_the_row(
    host: Host, browser: Browser, stack: Stack, xai_stand_in: StandIn
) -> None:
    """By the list of the row's jobs: there is nothing that it could remember."""
    xai_stand_in.settings(latency_seconds=2.5)
    await host.open()
    await host.button.click()
    await expect(host.at("looking")).to_be_visible(timeout=SECONDS)
    job = await host.read("promptJobId")
    elsewhere = await browser.new_context(base_url=stack.base)
    other = Host(await elsewhere.new_page(), stack.base)
    await other.open(row_id=host.attributes["row-id"])
    await expect(other.at("done")).to_be_visible(timeout=SECONDS)
    assert await other.read("promptJobId") == job
    await elsewhere.close()


async def test_a_press_that_was_cut_off_makes_one_job(
    host: Host, context: BrowserContext, stack: Stack
) -> None:
    """The request arrives, its answer does not, the page is loaded again: one job, found again."""
    sent: list[str] = []

    async def swallow(route: Any) -> None:
        await route.fetch()
        sent.append(route.request.headers["idempotency-key"])
        await route.abort()

    await host.open()
    await context.route("**/api/prompt/queue", swallow)
    await host.button.click()
    await expect(host.page.get_by_text("The server is away").first).to_be_visible()
    await context.unroute("**/api/prompt/queue", swallow)
    await host.page.reload()
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    row = host.attributes["row-id"]
    listed = stack.get(f"/api/prompt/queue/jobs?rowId={row}").body["data"]
    assert [one["promptJobId"] for one in listed] == [await host.read("promptJobId")]
    assert len(set(sent)) == 1


async def test_offline_and_back(host: Host, context: BrowserContext, xai_stand_in: StandIn) -> None:
    """It says so, keeps what it has, and goes on by itself."""
    xai_stand_in.settings(latency_seconds=3.0)
    await host.open()
    await host.button.click()
    await expect(host.at("looking")).to_be_visible(timeout=SECONDS)
    await context.set_offline(True)
    await expect(host.page.get_by_text(OFFLINE).first).to_be_visible()
    progress = await host.read("progress")
    await context.set_offline(False)
    await expect(host.page.get_by_text(OFFLINE)).to_have_count(0)
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    assert [one["offline"] for one in await host.heard("offline")] == [True, False]
    assert await host.read("progress") >= progress


async def test_pressed_while_offline(host: Host, context: BrowserContext) -> None:
    """The press counts: it is sent when the network is back."""
    await host.open()
    await context.set_offline(True)
    await host.button.click()
    await expect(host.page.get_by_text(OFFLINE).first).to_be_visible()
    await context.set_offline(False)
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)


async def test_a_restart_of_the_server(host: Host, stack: Stack, xai_stand_in: StandIn) -> None:
    """It waits for the next one, and sees its job through."""
    xai_stand_in.settings(latency_seconds=2.5)
    await host.open()
    await host.button.click()
    await expect(host.at("looking")).to_be_visible(timeout=SECONDS)
    (server,) = stack.running("serve")
    server.kill()
    await expect(host.page.get_by_text("The server is away").first).to_be_visible(timeout=SECONDS)
    await expect(host.at("done")).to_be_visible(timeout=60_000)
    assert is_forward([one["progress"] for one in await host.heard()])


async def test_a_laptop_that_slept(host: Host, xai_stand_in: StandIn) -> None:
    """On waking, it looks anew at once: its connections may be dead without a word."""
    xai_stand_in.settings(latency_seconds=3.0)
    streams: list[Request] = []
    host.page.on("request", lambda r: streams.append(r) if r.url.endswith("/events") else None)
    await host.page.clock.install()
    await host.open()
    await host.button.click()
    await expect(host.at("looking")).to_be_visible(timeout=SECONDS)
    assert len(streams) == 1
    async with host.page.expect_request("**/events", timeout=5000):
        await host.page.clock.fast_forward(60_000)
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
