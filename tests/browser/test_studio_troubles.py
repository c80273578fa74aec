"""The studio when things go wrong: providers, the line, the server."""

import asyncio
import re

import pytest
from playwright.async_api import Browser, Page, expect

from prompt_queue.testing import StandIn, WaveSpeedStandIn
from tests.browser.holding_proxy import holding_proxy
from tests.browser.studio import LONG, ask, begin, done, prompt_of, sheet, stack
from tests.e2e.stack import Stack

__all__ = ["stack"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
UNFIT = {"fault": "status", "status": 400, "body": {"error": "Invalid request content: image"}}
BUSY = {"fault": "drip", "seconds": 3}


async def test_a_prompt_that_failed_is_written_by_hand(
    page: Page, stack: Stack, xai_stand_in: StandIn
) -> None:
    """The sentence, then a prompt of one's own, labelled as that."""
    xai_stand_in.script(UNFIT)
    one = await ask(page)
    await expect(one.get_by_role("alert")).to_contain_text("Grok", timeout=LONG)
    await one.get_by_role("button", name="Write the prompt yourself").click()
    own = one.get_by_role("textbox", name="Your own prompt")
    await expect(own).to_be_focused()
    await one.get_by_role("button", name="Use this prompt").click()
    await expect(one.get_by_role("alert")).to_contain_text("The prompt is empty")
    await own.fill("Make the suit green.")
    await one.get_by_role("button", name="Use this prompt").click()
    await expect(prompt_of(one)).to_have_value("Make the suit green.")
    await expect(one.get_by_text("Written by you.")).to_be_visible()
    (job,) = stack.get("/api/prompt/queue/jobs?limit=1").body["data"]
    assert job["source"] == "manual"


async def test_a_prompt_that_failed_is_asked_for_with_other_pictures(
    page: Page, xai_stand_in: StandIn
) -> None:
    """Back to pictures and words, as they were."""
    xai_stand_in.script(UNFIT)
    one = await ask(page, "coffee")
    await one.get_by_role("button", name="Change pictures or words").click(timeout=LONG)
    await expect(one.get_by_label("What should change?")).to_have_value("Make the suit deep red")
    await one.get_by_role("button", name="Reference 1 of 1").press("Delete")
    await one.get_by_role("button", name="AI Generate").click()
    await expect(prompt_of(one)).to_be_visible(timeout=LONG)


async def test_a_refusal_is_not_tried_again(page: Page, xai_stand_in: StandIn) -> None:
    """Only other pictures or words are offered."""
    xai_stand_in.script({"fault": "safety"})
    one = await ask(page)
    await expect(one.get_by_role("alert")).to_contain_text("declined", timeout=LONG)
    await expect(one.get_by_role("button", name="Change pictures or words")).to_be_visible()
    for name in ("Try again", "Write the prompt yourself"):
        await expect(one.get_by_role("button", name=name)).to_be_hidden()


async def test_a_template_is_called_one_and_grok_can_be_asked_again(
    page: Page, xai_stand_in: StandIn
) -> None:
    """Where no model answers the sheet says so; asked again, Grok improves or writes it."""
    xai_stand_in.script({"fault": "model_not_found", "times": -1})
    one = await ask(page)
    await expect(one.get_by_text("this is from a template")).to_be_visible(timeout=LONG)
    xai_stand_in.clear_faults()
    template = await prompt_of(one).input_value()
    await one.get_by_role("button", name="Ask again").click()
    await expect(one.get_by_text("Written by the stand-in")).to_be_visible(timeout=LONG)
    assert await prompt_of(one).input_value() != template
    written = await prompt_of(one).input_value()
    async with page.expect_request(lambda asked: asked.method == "POST") as asking:
        await one.get_by_role("button", name="Improve it").click()
    sent = (await asking.value).post_data_json
    assert (sent["operation"], sent["existingPrompt"]) == ("enhance", written)
    await expect(prompt_of(one)).to_be_visible(timeout=LONG)


async def test_a_picture_that_failed_is_made_anew_or_with_another_prompt(
    page: Page, xai_stand_in: StandIn, wavespeed_stand_in: WaveSpeedStandIn
) -> None:
    """The provider's sentence; the prompt can be changed, and the same can be tried again."""
    one = await ask(page)
    await expect(prompt_of(one)).to_be_visible(timeout=LONG)
    wavespeed_stand_in.script({"fault": "fail", "times": 2, "text": "The model crashed"})
    await one.get_by_role("button", name="Make the picture").click()
    await expect(one.get_by_role("alert")).to_contain_text("The model crashed", timeout=LONG)
    await one.get_by_role("button", name="Change the prompt").click()
    await prompt_of(one).fill("Make the suit yellow.")
    await one.get_by_role("button", name="Make the picture").click()
    await one.get_by_role("button", name="Try again").click(timeout=LONG)
    await done(one)
    await expect(one.locator(".done-prompt")).to_have_text("Make the suit yellow.")


async def test_a_cancel_says_what_it_stopped(page: Page, xai_stand_in: StandIn) -> None:
    """The receipt's sentence, and a way to begin again."""
    xai_stand_in.script(BUSY)
    one = await ask(page)
    await expect(one.get_by_text("Looking at your pictures")).to_be_visible(timeout=LONG)
    await one.get_by_role("button", name="Cancel").click()
    await expect(one.get_by_text("may still be charged")).to_be_visible()
    again = one.get_by_role("button", name="Start over")
    await expect(again).to_be_focused()
    await again.click()
    await expect(one.get_by_role("button", name="AI Generate")).to_be_visible()


async def test_a_request_that_is_refused_becomes_a_sentence(page: Page) -> None:
    """What the server says against it stands on the sheet, and nothing is lost."""
    one = await begin(page)
    await page.route("**/api/prompt/queue", _refuse)
    await one.get_by_role("button", name="AI Generate").click()
    await expect(one.get_by_role("alert")).to_have_text("Too many of yours wait.")
    await page.unroute("**/api/prompt/queue")
    await one.get_by_role("button", name="AI Generate").click()
    await expect(prompt_of(one)).to_be_visible(timeout=LONG)


async def _refuse(route) -> None:  # type: ignore[no-untyped-def]
    problem = '{"code": "invalid_request", "detail": "Too many of yours wait.", "retryable": false}'
    await route.fulfill(status=422, content_type="application/problem+json", body=problem)


async def test_the_page_goes_on_after_a_restart_of_the_server(
    page: Page, stack: Stack, xai_stand_in: StandIn
) -> None:
    """It says that the server is away, and finds the job again by itself."""
    xai_stand_in.script({"fault": "delay", "seconds": 4})
    one = await ask(page)
    await expect(one.get_by_text("Looking at your pictures")).to_be_visible(timeout=LONG)
    away = page.get_by_text("The server cannot be reached.")
    await asyncio.to_thread(stack.down)
    await expect(away).to_be_visible(timeout=LONG)
    await asyncio.to_thread(stack.up)
    await expect(away).to_be_hidden(timeout=LONG)
    await expect(prompt_of(one)).to_have_value(re.compile("image"), timeout=LONG)


async def test_a_proxy_that_holds_streams_back_is_no_obstacle(
    browser: Browser, stack: Stack, xai_stand_in: StandIn, wavespeed_stand_in: WaveSpeedStandIn
) -> None:
    """Prompt and picture come by asking, and the text is seen as it is written all the same."""
    async with holding_proxy(stack.base) as proxy:
        context = await browser.new_context(base_url=proxy.url)
        tab = await context.new_page()
        xai_stand_in.script(BUSY)
        one = await ask(tab)
        text = one.locator(".progress-text")
        await expect(text).to_have_text(re.compile(r"\w+ \w+"), timeout=LONG)
        await expect(prompt_of(one)).to_be_visible(timeout=LONG)
        await one.get_by_role("button", name="Make the picture").click()
        await done(sheet(tab))
        assert "/api/events" in proxy.held
        await context.close()
