"""The whole job in the studio: by mouse, by keyboard, over reloads and in two tabs."""

import re
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from prompt_queue.testing import StandIn, WaveSpeedStandIn
from tests.browser.studio import LONG, ask, begin, done, prompt_of, sheet, stack
from tests.e2e.stack import Stack
from tests.photographs import photograph

__all__ = ["stack"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
BUSY = {"fault": "drip", "seconds": 3}


async def test_the_whole_job_by_mouse(
    page: Page, stack: Stack, xai_stand_in: StandIn, wavespeed_stand_in: WaveSpeedStandIn
) -> None:
    """Photographs, AI Generate, an edited prompt, the picture beside the one before, a verdict."""
    one = await ask(page, "coffee")
    await expect(prompt_of(one)).to_have_value(re.compile("target image"), timeout=LONG)
    await expect(one.get_by_text("Written by the stand-in")).to_be_visible()
    await prompt_of(one).fill("Make the suit blue.")
    await one.get_by_role("button", name="Good", exact=True).click()
    await expect(one.get_by_text("Kept. Thank you.").locator("visible=true")).to_be_visible()
    await one.get_by_role("button", name="Make the picture").click()
    await done(one)
    await expect(one.get_by_alt_text("Before")).to_have_js_property("complete", True)
    after = one.get_by_alt_text("After")
    await expect(after).to_have_attribute("src", re.compile("^/files/"))
    assert await after.evaluate("node => node.decode().then(() => node.naturalWidth)") > 0
    await one.get_by_role("slider").fill("80")
    assert await one.locator("pq-compare").evaluate("e => e.style.getPropertyValue('--cut')") == (
        "80%"
    )
    await one.get_by_role("button", name="Not good").click()
    await one.get_by_label("Why").locator("visible=true").select_option("The style is wrong")
    (job,) = stack.get("/api/jobs?limit=1").body["data"]
    await expect(one.get_by_text("Kept. Thank you.").locator("visible=true")).to_be_visible()
    assert job["prompt"] == "Make the suit blue."
    prompt = stack.job(job["promptJobId"])
    assert prompt["feedback"]["verdict"] == "up"
    path = f"/api/jobs/{job['jobId']}/feedback"
    await page.wait_for_function(
        "path => fetch(path).then(a => a.json()).then(f => f.reason === 'wrong_style')", arg=path
    )
    assert wavespeed_stand_in.calls()
    entry = page.locator(".history-entry").first
    await expect(entry).to_contain_text("Make the suit blue.")


async def test_the_whole_job_by_keyboard_alone(
    page: Page, stack: Stack, xai_stand_in: StandIn, wavespeed_stand_in: WaveSpeedStandIn
) -> None:
    """No pointer: every step is reached with Tab, and focus follows what happens."""
    await page.goto("/")
    await expect(sheet(page)).to_be_visible()

    async def tab_to(name: str) -> None:
        for _ in range(60):
            await page.keyboard.press("Tab")
            found = await page.evaluate(
                "() => { const e = document.activeElement; return e.getAttribute('aria-label')"
                " ?? e.labels?.[0]?.textContent ?? e.textContent }"
            )
            if found and found.startswith(name):
                return
        raise AssertionError(f"{name} cannot be reached with Tab")

    for name in ("astronaut", "cat", "coffee"):
        await page.evaluate("document.activeElement.blur()")
        await tab_to(f"Sample photograph: {name}")
        await page.keyboard.press("Enter")
    await page.evaluate("document.activeElement.blur()")
    await tab_to("Reference 2 of 2")
    await page.keyboard.press("ArrowLeft")
    await expect(page.get_by_role("button", name="Reference 1 of 2")).to_be_focused()
    await tab_to("What should change?")
    await page.keyboard.type("Warmer")
    await tab_to("Normal")
    await page.keyboard.press("ArrowRight")
    await tab_to("AI Generate")
    await page.keyboard.press("Enter")
    await expect(prompt_of(sheet(page))).to_be_focused(timeout=LONG)
    await tab_to("Make the picture")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("slider")).to_be_focused(timeout=LONG)
    before = await page.get_by_role("slider").input_value()
    await page.keyboard.press("ArrowRight")
    assert await page.get_by_role("slider").input_value() != before
    await tab_to("Good")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Kept. Thank you.")).to_be_visible()
    (job,) = stack.get("/api/jobs?limit=1").body["data"]
    assert job["priority"] == 8
    assert [url.rsplit("/", 1)[1] for url in job["refUrls"]] == ["coffee.jpg", "cat.jpg"]


async def test_own_words_become_a_picture_at_once(
    page: Page, stack: Stack, wavespeed_stand_in: WaveSpeedStandIn
) -> None:
    """Generate asks no model; the consent is sent along, and what is lacking is said first."""
    one = sheet(page)
    await page.goto("/")
    await one.get_by_role("button", name="Generate", exact=True).click()
    await expect(one.get_by_role("alert")).to_contain_text("Say what should change")
    await one.get_by_label("What should change?").fill("Turn it into a drawing.")
    await one.get_by_role("button", name="Generate", exact=True).click()
    await expect(one.get_by_role("alert")).to_contain_text("Choose a photograph first")
    await one.get_by_role("button", name="Sample photograph: cat").click()
    await expect(one.get_by_role("alert")).to_be_hidden()
    await one.get_by_role("button", name="Generate", exact=True).click()
    await done(one)
    (job,) = stack.get("/api/jobs?limit=1").body["data"]
    assert (job["prompt"], job["promptJobId"]) == ("Turn it into a drawing.", None)


async def test_prompt_and_picture_in_one_go(
    page: Page, stack: Stack, xai_stand_in: StandIn, wavespeed_stand_in: WaveSpeedStandIn
) -> None:
    """With "at once" nobody is asked in between."""
    one = await begin(page)
    await one.get_by_label("Make the picture at once").check()
    await one.get_by_role("button", name="AI Generate").click()
    await done(one)
    (job,) = stack.get("/api/jobs?limit=1").body["data"]
    assert job["promptJobId"]
    assert job["prompt"]


async def test_photographs_from_the_device(
    page: Page, stack: Stack, xai_stand_in: StandIn, tmp_path: Path
) -> None:
    """The first one is the target, the others are references; what cannot be used is said."""
    for name in ("astronaut", "coffee"):
        (tmp_path / f"{name}.jpg").write_bytes(photograph(name))
    (tmp_path / "notes.txt").write_text("no picture")
    one = sheet(page)
    await page.goto("/")
    chooser = one.locator("pq-drop input")
    await chooser.set_input_files([tmp_path / "astronaut.jpg", tmp_path / "coffee.jpg"])
    await expect(one.get_by_role("button", name="Reference 1 of 1")).to_be_visible()
    await one.locator("pq-reference-list input").set_input_files(tmp_path / "notes.txt")
    await expect(one.get_by_role("alert")).to_contain_text("notes.txt is not a JPEG, PNG or WebP")
    await one.get_by_role("button", name="AI Generate").click()
    await expect(prompt_of(one)).to_be_visible(timeout=LONG)
    (job,) = stack.get("/api/prompt/queue/jobs?limit=1").body["data"]
    assert "/files/" in job["targetUrl"]


async def test_references_are_dragged_into_another_order(page: Page) -> None:
    """What is dropped on another takes its place."""
    one = await begin(page, "cat", "coffee")
    photos = one.locator(".reference img")
    await expect(photos).to_have_count(2)
    await one.locator(".reference").nth(1).drag_to(one.locator(".reference").nth(0))
    await expect(photos.nth(0)).to_have_attribute("src", "/samples/coffee.jpg")
    await one.get_by_role("button", name="Reference 1 of 2").press("Delete")
    await expect(photos).to_have_count(1)


async def test_the_prompt_is_seen_as_it_is_written(page: Page, xai_stand_in: StandIn) -> None:
    """Words come one after the other, and the bar never goes back."""
    xai_stand_in.script(BUSY)
    one = await ask(page)
    text = one.locator(".progress-text")
    await expect(text).to_have_text(re.compile(r"\w+ \w+"), timeout=LONG)
    await page.evaluate(
        """() => {
          const bar = document.querySelector('[role=progressbar]')
          window.shares = []
          new MutationObserver(() => window.shares.push(Number(bar.getAttribute('aria-valuenow'))))
            .observe(bar, { attributes: true })
        }"""
    )
    first = await text.text_content()
    await expect(prompt_of(one)).to_be_visible(timeout=LONG)
    whole = await prompt_of(one).input_value()
    assert first
    assert whole.startswith(first)
    assert len(whole) > len(first)
    shares = await page.evaluate("window.shares")
    assert shares
    assert shares == sorted(shares)


async def test_a_reload_in_the_middle_finds_the_job_again(
    page: Page, context: BrowserContext, xai_stand_in: StandIn
) -> None:
    """By what the tab remembers, and in a browser that remembers nothing by the server's lists."""
    xai_stand_in.script(BUSY)
    one = await ask(page, words="Make it dusk")
    await expect(one.get_by_role("button", name="Cancel")).to_be_visible()
    await page.reload()
    await expect(one.get_by_text("Make it dusk")).to_be_visible()
    other = await context.new_page()
    await other.goto("/")
    await expect(sheet(other).get_by_role("button", name="Cancel")).to_be_visible()
    await expect(prompt_of(one)).to_be_visible(timeout=LONG)
    await expect(prompt_of(sheet(other))).to_be_visible(timeout=LONG)
    await other.close()


async def test_two_tabs_see_the_same(
    page: Page,
    context: BrowserContext,
    xai_stand_in: StandIn,
    wavespeed_stand_in: WaveSpeedStandIn,
) -> None:
    """What is asked, accepted and judged in one tab is seen in the other."""
    other = await context.new_page()
    await other.goto("/")
    await expect(sheet(other)).to_be_visible()
    xai_stand_in.script(BUSY)
    one = await ask(page)
    twin = sheet(other)
    await expect(prompt_of(twin)).to_be_visible(timeout=LONG)
    await expect(prompt_of(one)).to_be_visible(timeout=LONG)
    await prompt_of(twin).blur()
    await one.get_by_role("button", name="Make the picture").click()
    await done(one)
    await done(twin)
    await one.get_by_role("button", name="Good", exact=True).click()
    thumb = twin.get_by_role("button", name="Good", exact=True)
    await expect(thumb).to_have_attribute("aria-pressed", "true")
    await other.close()


async def test_several_sheets_at_once(page: Page, xai_stand_in: StandIn) -> None:
    """Each has a row of its own, and its own prompt."""
    one = await ask(page)
    await page.get_by_role("button", name="Add another picture").click()
    two = sheet(page, 2)
    await two.get_by_role("button", name="Sample photograph: coffee").click()
    await two.get_by_role("button", name="AI Generate").click()
    await expect(prompt_of(one)).to_be_visible(timeout=LONG)
    await expect(prompt_of(two)).to_be_visible(timeout=LONG)
    assert await prompt_of(one).input_value() != await prompt_of(two).input_value()
    rows = await page.evaluate("fetch('/api/rows?limit=2').then(a => a.json())")
    assert [row["targetUrl"].rsplit("/", 1)[1] for row in rows["data"]] == [
        "coffee.jpg", "astronaut.jpg",
    ]  # fmt: skip
    await two.get_by_role("button", name="Put picture 2 away").click()
    await expect(page.locator("pq-row-card")).to_have_count(1)
    await expect(page.get_by_role("heading", name="Picture 1")).to_be_focused()


async def test_what_was_made_before_opens_again(page: Page, xai_stand_in: StandIn) -> None:
    """An entry of the history becomes a sheet."""
    one = await ask(page)
    await expect(prompt_of(one)).to_be_visible(timeout=LONG)
    text = await prompt_of(one).input_value()
    await one.get_by_role("button", name="Put picture 1 away").click()
    await page.locator(".history-entry button", has_text=text).first.click()
    await expect(prompt_of(sheet(page))).to_have_value(text)
