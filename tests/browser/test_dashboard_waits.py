"""An operator finds out, from the dashboard alone, why a job waits, and unblocks it."""

from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from prompt_queue.testing import PictureServer, StandIn, WaveSpeedStandIn
from tests.browser.operator import SOON, act, answer, audit, ends, press, told, waits
from tests.e2e.stack import Stack
from tests.photographs import plain

pytestmark = pytest.mark.asyncio(loop_scope="module")
MODEL = "grok-4.7"
PAUSE, RESUME = "/api/prompt/queue/pause", "/api/prompt/queue/resume"


@pytest.fixture(scope="module")
def pictures() -> Iterator[PictureServer]:
    """The pictures of this module's jobs."""
    with PictureServer() as server:
        yield server


@pytest.fixture(scope="module")
def photo(pictures: PictureServer) -> str:
    return pictures.add("t.png", plain("teal"))


@pytest.fixture(scope="module")
def stack(
    pictures: PictureServer,
    xai_stand_in_process: StandIn,
    wavespeed_stand_in_process: WaveSpeedStandIn,
) -> Iterator[Stack]:
    """One worker with one slot, one model, and long pauses after failures."""
    running = Stack(
        {
            "XAI_API_KEY": xai_stand_in_process.api_key,
            "XAI_API_BASE": xai_stand_in_process.base_url,
            "WAVESPEED_API_KEY": wavespeed_stand_in_process.api_key,
            "WAVESPEED_API_BASE": wavespeed_stand_in_process.base_url,
            "PROMPT_QUEUE_WAVESPEED_LEVEL": "none",
            "PROMPT_QUEUE_PICTURE_STAND_IN": "true",
            "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": pictures.host_port,
            "PROMPT_QUEUE_MODELS": MODEL,
            "PROMPT_QUEUE_CONCURRENCY": "1",
            "PROMPT_QUEUE_CACHE_SECONDS": "0",
            "PROMPT_QUEUE_LEASE_SECONDS": "3",
            "PROMPT_QUEUE_RETRY_BASE_DELAY_MS": "600000",
            "PROMPT_QUEUE_RETRY_MAX_DELAY_MS": "600000",
            "PROMPT_QUEUE_RETRY_JITTER": "none",
        }
    ).up()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def grok(xai_stand_in: StandIn, stack: Stack) -> Iterator[StandIn]:
    """Without faults at the beginning of each test; nothing is left behind by one that failed."""
    yield xai_stand_in
    for what in ({}, {"model": MODEL}, {"priorities": {"from": 1, "to": 10}}):
        act(stack, RESUME, what)
    act(stack, "/api/prompt/queue/breaker", {"model": MODEL, "state": "closed"})
    act(stack, "/api/prompt/queue/limits", {"model": MODEL})
    act(stack, "/api/ops/jobs/cancel", {"filter": {"status": "queued"}})


async def test_others_come_first(page: Page, stack: Stack, photo: str, grok: StandIn) -> None:
    """The page leads to the job in the only slot; cancelling that one lets this one start."""
    grok.script({"fault": "hang", "seconds": 300})
    ahead = stack.enqueue(photo)
    behind = stack.enqueue(photo)
    why = await waits(page, behind, "Others come first")
    await why.get_by_role("link", name="Jobs at work").click()
    await page.get_by_role("link", name=f"{ahead[:8]}…{ahead[-4:]}").click()
    await press(page, "Cancel the job", yes="Cancel for good", reason="it hangs")
    await told(page, "1 job cancelled.")
    await page.goto(f"/ops/jobs/{behind}")
    await ends(page)
    assert [(one["act"], one["about"], one["reason"]) for one in audit(stack)][:1] == [
        ("cancelled", ahead, "it hangs")
    ]


async def test_the_queue_is_paused(page: Page, stack: Stack, photo: str) -> None:
    """By whom, since when and why is said; Resume lets the job go on."""
    act(stack, PAUSE, {"reason": "<b>moving</b> house"})
    job = stack.enqueue(photo)
    why = await waits(page, job, "It is paused")
    await expect(why).to_contain_text("and said: “<b>moving</b> house”", timeout=SOON)
    await press(page, "Resume the queue", yes="Resume", reason="moved")
    await told(page, "Going on: the queue.")
    await ends(page)


async def test_the_model_is_paused(page: Page, stack: Stack, photo: str) -> None:
    """The page names the model, and resumes that alone."""
    act(stack, PAUSE, {"model": MODEL, "reason": "too dear today"})
    job = stack.enqueue(photo)
    why = await waits(page, job, "It is paused")
    await expect(why).to_contain_text("too dear today", timeout=SOON)
    await press(page, f"Resume {MODEL}", yes="Resume")
    await told(page, f"Going on: {MODEL}.")
    await ends(page)


async def test_its_band_of_priorities_is_paused(page: Page, stack: Stack, photo: str) -> None:
    """The page names the band; jobs of other bands go on meanwhile."""
    act(stack, PAUSE, {"band": "low"})
    job = stack.enqueue(photo, priority=2)
    await waits(page, job, "It is paused")
    assert stack.final(stack.enqueue(photo, priority=5))["status"] == "completed"
    await press(page, "Resume low priority", yes="Resume")
    await told(page, "Going on: low priority.")
    await ends(page)


async def test_it_rests_after_a_failure(
    page: Page, stack: Stack, photo: str, grok: StandIn
) -> None:
    """Ten minutes of rest are left out by one button."""
    grok.script({"fault": "status", "status": 503})
    job = stack.enqueue(photo, minQuality="model")
    await waits(page, job, "It rests after a failure")
    await press(page, "Try now", yes="Try now", reason="they are back")
    await told(page, "1 job tried now.")
    await ends(page)
    await expect(page.get_by_text("To be tried at once")).to_be_visible()
    await expect(page.get_by_text("By http: “they are back”.")).to_be_visible()
    await expect(page.get_by_role("heading", name="Attempt 2")).to_be_visible()


async def test_the_breaker_is_open(page: Page, stack: Stack, photo: str) -> None:
    """Closing it from the job's page lets the job go on at once."""
    act(stack, "/api/prompt/queue/breaker", {"model": MODEL, "state": "open"})
    job = stack.enqueue(photo, minQuality="model")
    await waits(page, job, "The model does not work")
    await press(page, f"Close the breaker of {MODEL}", yes="Close it", reason="it was a test")
    await told(page, f"{MODEL} is asked again.")
    await ends(page)


async def test_the_account_is_empty(page: Page, stack: Stack, photo: str, grok: StandIn) -> None:
    """The page says so; when somebody has filled it, the button of the breaker lets all go on."""
    grok.script({"fault": "credits"})
    job = stack.enqueue(photo, minQuality="model")
    await waits(page, job, "The provider’s account is empty")
    await press(page, f"Close the breaker of {MODEL}", yes="Close it", reason="it is filled")
    await told(page, f"{MODEL} is asked again.")
    await ends(page)


async def test_the_budget_of_its_user_is_used_up(page: Page, stack: Stack, photo: str) -> None:
    """A higher budget, set from the job's page, lets it go on today."""
    user = stack.get("/api/me").body["userId"]
    limits = f"/api/ops/users/{user}/limits"
    assert stack.request("PUT", limits, {"usdPerDay": 0, "queued": 500}).status == 200
    job = stack.enqueue(photo)
    await waits(page, job, "Its user’s budget for today is used up")
    await page.get_by_role("button", name="Change the budget").click()
    await page.get_by_label("US dollars a day").fill("5")
    await page.get_by_role("dialog").get_by_role("button", name="Change the budget").click()
    await told(page, "The user has a new budget.")
    await ends(page)
    kept = stack.get(limits).body
    assert (kept["usdPerDay"], kept["queued"]) == (5.0, 500)
    assert stack.request("DELETE", limits).status == 200


async def test_the_rate_limit_is_reached(page: Page, stack: Stack, photo: str) -> None:
    """A higher limit, set from the job's page, lets it go on."""
    limits = "/api/prompt/queue/limits"
    act(stack, limits, {"model": MODEL, "requestsPerSecond": 0.01})
    assert stack.final(stack.enqueue(photo))["status"] == "completed"
    job = stack.enqueue(photo, minQuality="model")
    await waits(page, job, "The rate limit is reached")
    await page.get_by_role("button", name=f"Change the limits of {MODEL}").click()
    await page.get_by_label("Requests a second").fill("50")
    await answer(page, yes="Change the limits", reason="the tier went up")
    await told(page, f"{MODEL} has new limits.")
    await ends(page)
    assert audit(stack)[0]["reason"].startswith("the tier went up: 50 requests a second")


async def test_its_prompt_is_not_there_yet(page: Page, stack: Stack, photo: str) -> None:
    """The page leads to the prompt, which is unblocked there, and the picture follows."""
    act(stack, PAUSE, {})
    asked = stack.request(
        "POST",
        "/api/jobs/create",
        {
            "rowId": stack.job(stack.enqueue(photo))["rowId"],
            "useAiPrompt": True,
            "targetUrl": photo,
        },
    )
    assert asked.status == 202, asked
    why = await waits(page, asked.body["jobId"], "Its prompt is not there yet")
    await why.get_by_role("link", name="The job of its prompt").click()
    await expect(page.get_by_role("region", name="It is paused")).to_be_visible(timeout=SOON)
    await press(page, "Resume the queue", yes="Resume")
    await ends(page)
    await page.get_by_role("link", name=f"{asked.body['jobId'][:8]}…").click()
    await ends(page, "done")
