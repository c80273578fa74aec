"""The dashboard: figures, filters, acts on many jobs, and who may see and press what."""

import json
import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.browser.axe import violations
from tests.browser.operator import SOON, act, answer, audit, press, told
from tests.e2e.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTILE = '<img src=x onerror="window.broken = true"> & "quoted" \u202e'
USER = "00000000-0000-4000-8000-00000000000a"
# Jobs as any client may have left them, of several users, with words that nobody should trust.
JOBS = """
with template as (
  select j.row_id, j.model_id, j.target_url, j.user_id from prompt_generation_jobs j limit 1
)
insert into prompt_generation_jobs (
  row_id, model_id, user_id, target_url, status, error, error_code, generated_prompt, priority,
  created_at, started_at, completed_at, model, source
)
select t.row_id, t.model_id, t.user_id, t.target_url, v.status, v.error, v.code, v.prompt,
  1 + n % 10, clock_timestamp() - make_interval(secs => n), clock_timestamp(), clock_timestamp(),
  'grok-4.7', case v.status when 'completed' then 'model' end
from template t, generate_series(1, 60) as n, lateral (
  select case when n % 3 = 0 then 'failed' else 'completed' end as status,
    case when n % 3 = 0 then $1 || n end as error,
    case when n % 3 = 0 then 'bad_input' end as code,
    case when n % 3 > 0 then $1 || ' prompt ' || n end as prompt
) v
returning id::text, status
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def jobs(stack: Stack) -> AsyncIterator[dict[str, list[str]]]:
    """Sixty jobs that have ended: ids by status."""
    base = f"{stack.base}/samples"
    done = stack.enqueue(f"{base}/astronaut.jpg")
    assert stack.final(done)["status"] == "completed"
    found: dict[str, list[str]] = {"completed": [], "failed": []}
    for row in await stack.sql(JOBS, HOSTILE):
        found[row["status"]].append(row["id"])
    yield found


@pytest.fixture(autouse=True)
def nothing_paused(stack: Stack) -> Iterator[None]:
    """Whatever a test that failed has left."""
    yield
    act(stack, "/api/prompt/queue/resume", {})
    act(stack, "/api/prompt/queue/breaker", {"model": "grok-4.7", "state": "closed"})


async def test_the_overview_tells_the_state_and_the_figures(
    page: Page, stack: Stack, jobs: dict[str, list[str]]
) -> None:
    """A sentence, a figure for each thing, and charts that a keyboard can read."""
    assert jobs
    await page.goto("/ops")
    await expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=SOON)
    for name in ("Waiting", "At work", "Done a minute", "Spent today"):
        await expect(page.locator("dt", has_text=re.compile(f"^{name}$"))).to_be_visible()
    await expect(page.get_by_role("region", name="Spend today, by model")).to_contain_text("grok")
    chart = page.get_by_role("slider", name="Jobs that came and went")
    await chart.focus()
    last = await chart.get_attribute("aria-valuetext")
    await page.keyboard.press("ArrowLeft")
    assert await chart.get_attribute("aria-valuetext") != last
    await page.get_by_text("As a table").first.click()
    await expect(page.get_by_role("columnheader", name="came")).to_be_visible()


async def test_the_page_goes_on_by_itself(page: Page, stack: Stack) -> None:
    """What another operator does is seen without a reload, and the focus stays where it was."""
    await page.goto("/ops")
    button = page.get_by_role("button", name="Pause the queue")
    await button.focus()
    act(stack, "/api/prompt/queue/pause", {"reason": "tea"})
    await expect(page.get_by_role("heading", level=1)).to_contain_text("by http", timeout=SOON)
    await expect(page.get_by_role("button", name="Resume the queue")).to_be_focused()
    act(stack, "/api/prompt/queue/resume", {})
    await expect(page.get_by_role("heading", level=1)).not_to_contain_text("Paused", timeout=SOON)


async def test_a_server_that_is_away_is_told_and_waited_for(page: Page) -> None:
    """What was there stays, marked as old; when it is back the mark goes."""
    await page.goto("/ops")
    await expect(page.get_by_text("As of")).to_be_visible(timeout=SOON)
    await page.route("**/api/**", lambda route: route.abort())
    await expect(page.get_by_text("The server cannot be reached.")).to_be_visible(timeout=SOON)
    await expect(page.get_by_text("Offline, as of")).to_be_visible()
    await page.unroute("**/api/**")
    await expect(page.get_by_text("The server cannot be reached.")).to_be_hidden(timeout=SOON)


async def test_filters_are_in_the_address(page: Page, jobs: dict[str, list[str]]) -> None:
    """What is chosen stands in the address; the address alone brings the same list back."""
    await page.goto("/ops/jobs")
    await page.get_by_label("State").select_option("failed")
    await page.get_by_label("Priority").select_option("low")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(6)
    assert "status=failed&priority=1-3" in page.url
    await page.reload()
    await expect(rows).to_have_count(6)
    await expect(page.get_by_label("State")).to_have_value("failed")
    await page.get_by_label("Search").fill(jobs["failed"][0])
    await page.get_by_label("Priority").select_option("")
    await expect(rows).to_have_count(1)
    await page.get_by_label("Search").fill("no such words anywhere")
    await expect(page.get_by_text("No job matches these filters.")).to_be_visible()
    await page.get_by_role("button", name="Take the filters away").click()
    await expect(rows).to_have_count(50)
    await page.get_by_role("button", name="Show earlier ones").click()
    await expect(rows).to_have_count(61)


async def test_words_of_others_are_only_ever_text(page: Page, jobs: dict[str, list[str]]) -> None:
    """Markup in errors and prompts is shown as it was written, in the list and on the page."""
    await page.goto("/ops/jobs?status=failed")
    await expect(page.locator("tbody tr").first).to_contain_text('<img src=x onerror="window')
    for status in ("failed", "completed"):
        await page.goto(f"/ops/jobs/{jobs[status][0]}")
        await expect(page.get_by_text('<img src=x onerror="window')).to_be_visible(timeout=SOON)
    assert await page.evaluate("window.broken") is None
    assert await page.locator("img[src=x]").count() == 0


async def test_many_jobs_are_tried_again_and_cancelled(
    page: Page, stack: Stack, jobs: dict[str, list[str]]
) -> None:
    """Chosen ones, and all that match; each act with its reason is in the audit."""
    act(stack, "/api/prompt/queue/pause", {})
    await page.goto("/ops/jobs?status=failed")
    some = sorted(jobs["failed"])[:2]
    for job_id in some:
        await page.get_by_role("checkbox", name=f"Choose {job_id}").check()
    await expect(page.get_by_text("2 chosen")).to_be_visible()
    await press(page, "Try again", yes="Try again", reason="mended")
    await told(page, "2 jobs will be tried again.")
    assert {stack.get(f"/api/ops/jobs/{one}").body["job"]["status"] for one in some} == {"queued"}
    await page.goto("/ops/jobs")
    await page.get_by_role("checkbox", name="Choose all that are shown").check()
    await page.get_by_role("button", name="Choose all that match").click()
    await press(page, "Cancel jobs", yes="Cancel for good", reason="not needed")
    await told(page, "2 jobs cancelled.")
    assert stack.get("/api/ops/jobs?status=queued").body["data"] == []
    act(stack, "/api/prompt/queue/resume", {})
    await page.get_by_role("link", name="Audit").click()
    acts = page.locator("tbody tr")
    await expect(acts.filter(has_text="not needed")).to_contain_text("cancelled")
    await expect(acts.filter(has_text="mended")).to_contain_text("retried")
    assert {"mended", "not needed"} <= {one["reason"] for one in audit(stack)}


async def test_a_model_is_paused_stopped_and_limited(page: Page, stack: Stack) -> None:
    """Each button asks first, and the card shows what it did."""
    await page.goto("/ops/models")
    card = page.locator("li.model", has=page.get_by_role("heading", name="grok-4.7", exact=True))
    await press(page, "Pause: grok-4.7", yes="Pause", reason="dear")
    await expect(card).to_contain_text("“dear”", timeout=SOON)
    await press(page, "Resume: grok-4.7", yes="Resume")
    await press(page, "Open breaker: grok-4.7", yes="Open it")
    await expect(card).to_contain_text("breaker open", timeout=SOON)
    await press(page, "Close breaker: grok-4.7", yes="Close it")
    await page.get_by_role("button", name="Limits: grok-4.7").click()
    await page.get_by_label("Requests a second").fill("7")
    await answer(page, yes="Change the limits")
    await expect(card).to_contain_text("of 420", timeout=SOON)
    health = {one["model"]: one for one in stack.get("/api/health").body["models"]}["grok-4.7"]
    assert (health["breaker"], health["requestsPerSecond"]) == ("closed", 7.0)


async def test_who_may_only_look_sees_no_buttons(page: Page, jobs: dict[str, list[str]]) -> None:
    """With the right to look alone there is a badge in the place of every button."""

    async def viewer(route: Route) -> None:
        body = {"kind": "token", "scopes": ["ops:read"], "demo": False}
        await route.fulfill(body=json.dumps(body), content_type="application/json")

    await page.route("**/api/me", viewer)
    for path in ("/ops", "/ops/models", "/ops/jobs", f"/ops/jobs/{jobs['failed'][0]}"):
        await page.goto(path)
        await expect(page.get_by_text("Read only")).to_be_visible(timeout=SOON)
        await expect(page.get_by_text("As of")).to_be_visible(timeout=SOON)
        for words in ("Pause", "Resume", "breaker", "Limits", "Try again", "Cancel"):
            assert await page.get_by_role("button", name=words).count() == 0
        assert await page.get_by_role("checkbox").count() == 0


async def test_a_refusal_is_told_in_words(page: Page) -> None:
    """Whose right ended meanwhile is told so, and nothing looks as if it had been done."""

    async def refuse(route: Route) -> None:
        problem = {
            "code": "forbidden",
            "detail": "This key lacks the scope ops:write.",
            "status": 403,
        }
        await route.fulfill(
            status=403, body=json.dumps(problem), content_type="application/problem+json"
        )

    await page.route("**/api/prompt/queue/pause", refuse)
    await page.goto("/ops")
    await press(page, "Pause the queue", yes="Pause")
    await told(page, "This is not yours to press: This key lacks the scope ops:write.")
    await expect(page.get_by_role("button", name="Pause the queue")).to_be_visible()


async def test_a_question_that_is_left_alone_does_nothing(page: Page, stack: Stack) -> None:
    """Escape closes it, and the focus is back on the button."""
    await page.goto("/ops")
    button = page.get_by_role("button", name="Pause the queue")
    await button.press("Enter")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(button).to_be_focused()
    assert stack.get("/api/ops/overview").body["paused"]["queue"] is None


@pytest.mark.parametrize("view", ["", "/jobs", "/models", "/workers", "/audit", "/jobs/one", "/x"])
async def test_no_view_shuts_anybody_out(page: Page, jobs: dict[str, list[str]], view: str) -> None:
    """axe-core finds nothing in either theme, and a telephone is wide enough."""
    await page.goto("/ops" + view.replace("one", jobs["failed"][0]))
    await expect(page.get_by_text("As of")).to_be_visible(timeout=SOON)
    assert await violations(page) == []
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
