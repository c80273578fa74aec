"""The button in somebody's page, in a browser: what it shows and tells."""

import pytest
from playwright.async_api import expect

from prompt_queue.testing import StandIn
from tests.browser.axe import violations
from tests.browser.button_host import SECONDS, Host, host, is_forward, stack
from tests.e2e.stack import Stack

__all__ = ["host", "stack"]

pytestmark = pytest.mark.asyncio(loop_scope="module")
IN_ORDER = ["idle", "sending", "queued", "looking", "writing", "rendering", "done"]


async def test_a_prompt_arrives_word_by_word(host: Host, xai_stand_in: StandIn) -> None:
    """Every state in its order, the text piece after piece, and nothing ever runs backwards."""
    xai_stand_in.settings(latency_seconds=2.0)
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


async def test_the_keyboard_alone(host: Host, xai_stand_in: StandIn) -> None:
    """Press, cancel, start again: the focus is never lost."""
    xai_stand_in.settings(latency_seconds=2.0)
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
    xai_stand_in.settings(latency_seconds=3.0)
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
