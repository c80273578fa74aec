"""Hostile strings of users and providers in the studio: text, and nothing else."""

import json
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.browser.hostile_eyes import ADDRESSES, ALL, Eyes, seen
from tests.browser.operator import SOON
from tests.e2e.stack import Stack

__all__ = ["seen"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
QUEUE = "/api/prompt/queue"
ROW = "00000000-0000-4000-a000-000000000003"
NOW = "2026-03-14T10:00:00Z"
FACTS = {"rowId": ROW, "refUrls": [], "priority": 5, "createdAt": NOW, "updatedAt": NOW}
PLANT = """
insert into prompt_generation_jobs (
  row_id, model_id, user_id, target_url, ref_urls, status, error, error_code, created_at,
  completed_at
)
select t.row_id, t.model_id, t.user_id, t.target_url, $2::text[], 'failed', said.text, 'bad_input',
  clock_timestamp() - make_interval(secs => n), clock_timestamp()
from (select * from prompt_generation_jobs limit 1) t,
  unnest($1::text[]) with ordinality as said(text, n)
returning id::text
"""
STRANGE = """
insert into prompt_generation_jobs (
  row_id, model_id, user_id, target_url, ref_urls, status, error, error_code, completed_at
)
select t.row_id, t.model_id, t.user_id, said.url, array[said.url], 'failed', 'strange ' || said.url,
  'bad_input', clock_timestamp()
from (select * from prompt_generation_jobs order by created_at limit 1) t,
  unnest($1::text[]) as said(url)
returning id::text
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def failed(stack: Stack) -> list[str]:
    """A failed job for each string; its references are no fit addresses."""
    done = stack.enqueue(f"{stack.base}/samples/astronaut.jpg")
    assert stack.final(done)["status"] == "completed"
    return [row["id"] for row in await stack.sql(PLANT, list(ALL), list(ADDRESSES))]


async def remember(page: Page, sheets: list[Any], **more: str) -> None:
    """What an earlier visit has left in this tab."""
    kept = {"prompt-queue.studio": json.dumps(sheets)} | more
    await page.add_init_script(
        f"[sessionStorage, localStorage].forEach(one => Object.assign(one, {json.dumps(kept)}))"
    )


async def shows(page: Page, stage: str, count: int = len(ALL)) -> None:
    """So many sheets have come to this stage."""
    await expect(page.locator(f'pq-row-card[data-stage="{stage}"]')).to_have_count(
        count, timeout=SOON
    )


async def whole_list(page: Page, least: int) -> None:
    """Goes back in the list; a press counts also while the list is read anew."""
    entries = page.locator(".history-entry")
    await expect(entries.first).to_be_visible(timeout=SOON)
    for _ in range(30):
        if (shown := await entries.count()) >= least:
            return
        await page.get_by_role("button", name="Show more").click()
        await expect(entries).not_to_have_count(shown, timeout=SOON)
    raise AssertionError(f"{shown} of {least} entries")


async def test_errors_and_words_are_text(page: Page, seen: Eyes, failed: list[str]) -> None:
    """On a sheet for each failed job, and in the list of what was made."""
    sheets = [{"promptId": job, "words": one} for job, one in zip(failed, ALL, strict=True)]
    await remember(page, sheets)
    await page.goto(f"/?theme={quote(ALL[2])}#{quote(ALL[0])}")
    await shows(page, "failed")
    for one, text in zip(ALL, await page.locator(".recap").all_text_contents(), strict=True):
        assert "".join(one.split()) in "".join(text.split())
    await whole_list(page, len(ALL))
    await seen.sees()
    await seen.harmless()


async def test_prompts_feedback_and_pieces_are_text(
    page: Page, seen: Eyes, stack: Stack, failed: list[str]
) -> None:
    """Prompts by hand as the server keeps them, feedback, and how a sheet shows a refusal."""
    kept, jobs = [], []
    for one, job in zip(ALL, failed, strict=True):
        reply = stack.request("PUT", f"{QUEUE}/{job}/prompt", {"prompt": one})
        if reply.status == 200:
            kept.append(one)
            jobs.append(job)
            thought = {"verdict": "down", "reason": "other", "text": one[:500]}
            assert stack.request("PUT", f"{QUEUE}/{job}/feedback", thought).status in (200, 422)
    assert len(kept) > len(ALL) / 2
    await remember(
        page,
        [
            {"promptId": job, "rowId": ROW, "target": f"{stack.base}/samples/cat.jpg"}
            for job in jobs
        ],
    )
    await page.route(f"**{QUEUE}", refuse)
    await page.goto("/")
    await shows(page, "ready", len(kept))
    await seen.sees(kept)
    await seen.harmless()
    await page.evaluate(
        "[...document.querySelectorAll('pq-row-card button')]"
        ".filter(one => one.textContent === 'Improve it').forEach(one => one.click())"
    )
    await expect(page.locator("pq-row-card .sheet-side > .notice:not([hidden])")).to_have_count(
        len(kept), timeout=SOON
    )
    await seen.sees([f"refused: {one.strip()}" for one in kept])
    await seen.harmless()


async def refuse(route: Route) -> None:
    """A problem that repeats what was said, as a careless server may."""
    if route.request.method != "POST":
        await route.fallback()
        return
    said = json.loads(route.request.post_data or "{}")
    detail = f"refused: {said['existingPrompt']}"
    problem = {
        "type": "about:blank",
        "title": detail,
        "status": 400,
        "detail": detail,
        "code": detail,
    }
    await route.fulfill(
        status=400, content_type="application/problem+json", body=json.dumps(problem)
    )


async def test_pieces_and_reasons_to_wait_are_text(
    page: Page, seen: Eyes, failed: list[str]
) -> None:
    """While a prompt is written, and while it waits."""
    texts = dict(zip(failed, ALL, strict=True))

    async def answer(route: Route) -> None:
        if (text := texts.get(route.request.url.rpartition("/")[2])) is None:
            await route.fallback()
            return
        why = {"code": "paused", "detail": f"because: {text}"}
        job = FACTS | {"promptJobId": ROW, "status": "processing", "partialPrompt": text}
        await route.fulfill(json=job | {"waitingReason": why, "targetUrl": text})

    await page.emulate_media(reduced_motion="reduce")
    await page.route(f"**{QUEUE}/*", answer)
    await remember(page, [{"promptId": job} for job in failed])
    await page.goto("/")
    await shows(page, "prompting")
    await expect(page.locator(".progress-title", has_text="Writing the prompt")).to_have_count(
        len(ALL), timeout=SOON
    )
    await seen.sees()
    await seen.sees([f"because: {one}" for one in ALL])
    await seen.harmless()


async def test_pictures_have_safe_addresses(page: Page, seen: Eyes, stack: Stack) -> None:
    """Whatever address a provider names for a picture, and whatever its prompt says."""
    jobs = {f"01a20c30-bf48-7b2e-a475-{n:012}": n for n in range(len(ALL))}
    strange = [
        *ADDRESSES,
        f"{stack.base}//evil.example/x.png",
        f"{stack.base}/\\evil.example/x.png",
    ]

    async def answer(route: Route) -> None:
        if (n := jobs.get(route.request.url.rpartition("/")[2])) is None:
            await route.fallback()
            return
        url = strange[n % len(strange)]
        made = {"number": 1, "url": url, "thumbnailUrl": url, "feedback": None}
        job = FACTS | {"jobId": ROW, "promptJobId": None, "status": "succeeded", "prompt": ALL[n]}
        await route.fulfill(json=job | {"targetUrl": url, "refUrls": strange, "pictures": [made]})

    await page.route("**/api/jobs/*", answer)
    await remember(page, [{"pictureId": job} for job in jobs])
    await page.goto("/")
    await shows(page, "painted")
    await seen.sees()
    await seen.harmless()
    links = await page.locator("a.button", has_text="Open the picture").evaluate_all(
        "all => all.map(one => one.href)"
    )
    assert {"", "https://evil.example/x.png", f"{stack.base}/evil.example/x.png"} <= set(links)


async def test_rows_with_strange_addresses_hide_nothing(
    page: Page, seen: Eyes, stack: Stack, failed: list[str]
) -> None:
    """As any program may have written them: the list, and a sheet of each, show the rest."""
    assert failed
    jobs = [row["id"] for row in await stack.sql(STRANGE, list(ADDRESSES))]
    await remember(
        page,
        [
            {"target": one, "refs": [one], "promptId": job}
            for one, job in zip(ADDRESSES, jobs, strict=True)
        ],
    )
    await page.goto("/")
    await shows(page, "failed", len(jobs))
    await expect(page.locator(".history-entry", has_text="strange").first).to_be_visible(
        timeout=SOON
    )
    await seen.sees([f"strange {one}" for one in ADDRESSES])
    await seen.harmless()


async def test_a_tab_that_remembers_nonsense_still_opens(page: Page, seen: Eyes) -> None:
    """Sheets, a token and a theme that are none: the page is there, and asks nobody else."""
    nonsense: list[Any] = [
        None, 7, "x", [], {"refs": "abc", "words": 5, "priority": "x", "target": 3},
        {"promptId": {"a": 1}}, *({"target": one, "refs": [one]} for one in ADDRESSES),
        *({"target": one, "refs": [one], "words": one, "edited": one} for one in ALL),
        {"promptId": "../../../../evil"}, {"pictureId": "..//evil.example/"},
    ]  # fmt: skip
    await remember(
        page, nonsense, **{"prompt-queue.token": "x\r\nX: y", "prompt-queue.theme": ALL[0]}
    )
    await page.goto("/")
    await shows(page, "draft", len(nonsense))
    await expect(page.get_by_text("The server cannot be reached")).to_be_hidden()
    await seen.sees([one.strip() for one in ALL])
    await seen.harmless()
