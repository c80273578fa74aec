"""The button in somebody's page, in a browser: what it shows, tells and survives."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, expect

from prompt_queue.testing import StandIn, WaveSpeedStandIn
from tests.browser.axe import violations
from tests.browser.button_host import Host
from tests.e2e.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
IN_ORDER = ["idle", "sending", "queued", "looking", "writing", "rendering", "done"]
SECONDS = 20_000
OFFLINE = "No connection. It goes on by itself."


@pytest.fixture(scope="module")
def stack(
    xai_stand_in_process: StandIn, wavespeed_stand_in_process: WaveSpeedStandIn
) -> Iterator[Stack]:
    """One worker, and stand-ins whose pace and faults the tests set."""
    running = Stack(
        {
            "XAI_API_KEY": xai_stand_in_process.api_key,
            "XAI_API_BASE": xai_stand_in_process.base_url,
            "WAVESPEED_API_KEY": wavespeed_stand_in_process.api_key,
            "WAVESPEED_API_BASE": wavespeed_stand_in_process.base_url,
            "PROMPT_QUEUE_WAVESPEED_LEVEL": "none",
            "PROMPT_QUEUE_PICTURE_STAND_IN": "true",
            "PROMPT_QUEUE_MAX_RETRIES": "1",
            "PROMPT_QUEUE_RETRY_BASE_DELAY_MS": "20",
        }
    ).up()
    yield running
    running.close()


@pytest.fixture
def host(page: Page, stack: Stack) -> Host:
    """Not open yet."""
    return Host(page, stack.base)


def is_forward(numbers: list[float]) -> bool:
    """Whether none is smaller than the one before."""
    return all(one <= after for one, after in itertools.pairwise(numbers))


async def test_a_prompt_arrives_word_by_word(host: Host, xai_stand_in: StandIn) -> None:
    """Every state in its order, the text piece after piece, and nothing ever runs backwards."""
    xai_stand_in.settings(latency_seconds=3.0)
    await host.open()
    await host.button.click()
    bar = host.page.get_by_role("progressbar")
    await expect(bar).to_be_visible()
    await expect(host.at("writing")).to_be_visible(timeout=SECONDS)
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    assert await host.states() == ["sending", "queued", "looking", "writing", "done"]
    told = await host.heard()
    assert is_forward([one["progress"] for one in told])
    pieces = [one for one in told if one["name"] == "prompt"]
    assert len(pieces) >= 3
    assert [one["partial"] for one in pieces] == [True] * (len(pieces) - 1) + [False]
    assert is_forward([len(one["prompt"]) for one in pieces[:-1]])
    whole = pieces[-1]["prompt"]
    await expect(host.page.locator("prompt-queue-generate")).to_contain_text(whole)
    (done,) = await host.heard("done")
    assert done["prompt"] == whole == await host.read("prompt")
    assert done["composed"]
    await expect(bar).to_have_count(0)
    await expect(host.page.get_by_role("status")).to_contain_text(whole)


async def test_the_bar_never_runs_backwards(host: Host, xai_stand_in: StandIn) -> None:
    """Seen in every frame, over an attempt that breaks and begins anew."""
    xai_stand_in.settings(latency_seconds=1.5)
    xai_stand_in.script({"fault": "stream_end"})
    await host.open(min_quality="any_model")
    await host.page.evaluate(
        """() => {
          window.seen = []
          const bar = document.querySelector('prompt-queue-generate')
          const look = () => {
            const text = bar.shadowRoot.querySelector('.text').textContent
            seen.push({ progress: bar.progress, length: text.length, state: bar.state })
            requestAnimationFrame(look)
          }
          look()
        }"""
    )
    await host.button.click()
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    seen = await host.page.evaluate("seen")
    assert len(seen) > 30
    assert is_forward([one["progress"] for one in seen])
    assert is_forward([IN_ORDER.index(one["state"]) for one in seen])
    assert is_forward([one["length"] for one in seen if one["state"] != "done"])
    assert len(xai_stand_in.calls()) >= 2


async def test_a_picture_follows_its_prompt(host: Host) -> None:
    """In one press: the prompt is shown while the picture is made, then the picture."""
    await host.open(mode="picture")
    await host.button.click()
    await expect(host.at("rendering")).to_be_visible(timeout=SECONDS)
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    link = host.page.get_by_role("link", name="Open picture 1")
    await expect(link).to_be_visible()
    (picture,) = await host.heard("picture")
    assert await link.get_attribute("href") == picture["url"]
    image = link.get_by_role("img", name="Picture 1 that was made")
    assert await image.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    assert is_forward([one["progress"] for one in await host.heard()])
    (done,) = await host.heard("done")
    assert done["prompt"]
    assert done["standIn"] is True
    assert await violations(host.page) == []


async def test_a_reload_finds_its_job(host: Host, xai_stand_in: StandIn) -> None:
    """In the middle: the same job goes on from where the bar was; also an end is found."""
    xai_stand_in.settings(latency_seconds=3.0)
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
    xai_stand_in.settings(latency_seconds=3.0)
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
    xai_stand_in.settings(latency_seconds=4.0)
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
    xai_stand_in.settings(latency_seconds=3.0)
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
    xai_stand_in.settings(latency_seconds=4.0)
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


async def test_the_keyboard_alone(host: Host, xai_stand_in: StandIn) -> None:
    """Press, cancel, start again: the focus is never lost."""
    xai_stand_in.settings(latency_seconds=3.0)
    await host.open()
    await host.page.keyboard.press("Tab")
    await expect(host.button).to_be_focused()
    await host.page.keyboard.press("Enter")
    await expect(host.page.locator("prompt-queue-generate .title")).to_be_focused()
    await host.page.keyboard.press("Tab")
    await expect(host.action("Cancel")).to_be_focused()
    await host.page.keyboard.press("Space")
    await expect(host.at("cancelled")).to_be_visible(timeout=SECONDS)
    await expect(host.page.locator("prompt-queue-generate .title")).to_be_focused()
    await host.page.keyboard.press("Tab")
    await expect(host.action("Start again")).to_be_focused()
    xai_stand_in.settings(latency_seconds=0.0)
    await host.page.keyboard.press("Enter")
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    await expect(host.page.locator("prompt-queue-generate .title")).to_be_focused()
    await host.page.keyboard.press("Tab")
    await host.page.keyboard.press("Enter")
    await expect(host.page.get_by_label("Your prompt")).to_be_focused()
    await host.page.keyboard.press("Escape")
    await expect(host.action("Change it")).to_be_focused()


async def test_cancelling_cancels_the_job(host: Host, stack: Stack, xai_stand_in: StandIn) -> None:
    """On the server too; the page hears of it, and a reload begins afresh."""
    xai_stand_in.settings(latency_seconds=5.0)
    await host.open()
    await host.button.click()
    await expect(host.at("looking")).to_be_visible(timeout=SECONDS)
    await host.action("Cancel").click()
    await expect(host.at("cancelled")).to_be_visible(timeout=SECONDS)
    (cancelled,) = await host.heard("cancelled")
    assert stack.job(cancelled["promptJobId"])["status"] == "cancelled"
    assert await violations(host.page) == []
    await host.page.reload()
    await expect(host.button).to_be_visible()


async def test_a_prompt_can_be_changed(host: Host, stack: Stack) -> None:
    """A new job carries it, and the form around the button has it."""
    await host.open(name="prompt")
    await host.page.evaluate(
        """() => {
          const form = document.createElement('form')
          document.querySelector('main').append(form)
          form.append(document.querySelector('prompt-queue-generate'))
        }"""
    )
    await host.button.click()
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    first = await host.read("promptJobId")
    await host.action("Change it").click()
    area = host.page.get_by_label("Your prompt")
    assert await area.input_value() == await host.read("prompt")
    await area.fill("Make the coat red.")
    await host.action("Use this prompt").click()
    await expect(host.page.get_by_text("In your own words.")).to_be_visible(timeout=SECONDS)
    assert await host.read("promptJobId") != first
    form = "Object.fromEntries(new FormData(document.querySelector('form')))"
    assert await host.page.evaluate(form) == {"prompt": "Make the coat red."}
    assert stack.job(await host.read("promptJobId"))["source"] == "manual"
    await host.page.evaluate("document.querySelector('form').reset()")
    await expect(host.button).to_be_visible()
    assert await host.page.evaluate(form) == {}


async def test_another_one_is_another_one(host: Host, xai_stand_in: StandIn) -> None:
    """Grok is asked anew, though there is an answer to an identical request."""
    await host.open(cache=None)
    await host.button.click()
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    first, calls = await host.read("promptJobId"), len(xai_stand_in.calls())
    await host.action("Another one").click()
    await expect(host.at("sending")).to_have_count(0)
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    assert await host.read("promptJobId") != first
    assert len(xai_stand_in.calls()) == calls + 1


async def test_many_buttons_leave_room_for_the_page(host: Host, xai_stand_in: StandIn) -> None:
    """Eight at once hold three streams, and all of them come to their end."""
    xai_stand_in.settings(latency_seconds=1.0)
    await host.open()
    streams: list[str] = []
    host.page.on("request", lambda r: streams.append(r.url) if r.url.endswith("/events") else None)
    await host.page.evaluate(
        """base => {
          const first = document.querySelector('prompt-queue-generate')
          for (const n of [2, 3, 4, 5, 6, 7, 8]) {
            const more = first.cloneNode()
            more.setAttribute('instructions', `number ${n}`)
            document.querySelector('main').append(more)
          }
          for (const one of document.querySelectorAll('prompt-queue-generate')) one.start()
        }"""
    )
    live = "fetch('/api/health/live').then(answer => answer.status)"
    assert await host.page.evaluate(live) == 200
    await expect(host.at("done")).to_have_count(8, timeout=40_000)
    assert len(set(streams)) <= 6
    ended = await host.heard("done")
    assert len({one["promptJobId"] for one in ended}) == 8


async def test_another_row_is_another_button(host: Host) -> None:
    """When row-id changes, what was there belongs to the row before."""
    await host.open()
    await host.button.click()
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
    give = "row => document.querySelector('prompt-queue-generate').setAttribute('row-id', row)"
    await host.page.evaluate(give, await host.row())
    await expect(host.button).to_be_visible()
    assert await host.read("prompt") is None
    await host.page.evaluate(give, host.attributes["row-id"])
    await expect(host.at("done")).to_be_visible(timeout=SECONDS)
