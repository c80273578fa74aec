"""Hostile strings of users, providers and operators on the dashboard: text, and nothing else."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.browser.hostile_eyes import ADDRESSES, ALL, Eyes, seen
from tests.browser.operator import SOON
from tests.e2e.stack import Stack

__all__ = ["seen"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
NOW = "2026-03-14T10:00:00Z"
ID = "01a20c30-bf48-7b2e-a475-ea9834fc11b7"
USER = "00000000-0000-4000-8000-00000000000a"
# Jobs as workers leave them, and acts as operators do: each string in each of their texts.
PLANT = """
with said as (select text, n from unnest($1::text[]) with ordinality as one(text, n)),
acts as (
  insert into prompt_operator_log (actor, act, model, reason, about, detail)
  select text, text, text, text, text, jsonb_build_object(text, text) from said
),
template as (
  select j.row_id, j.model_id, j.user_id from prompt_generation_jobs j limit 1
)
insert into prompt_generation_jobs (
  row_id, model_id, user_id, target_url, ref_urls, status, error, error_code, model, created_at,
  completed_at
)
select t.row_id, t.model_id, t.user_id, text, $2::text[], 'failed', text, text, text,
  clock_timestamp() - make_interval(secs => n), clock_timestamp()
from template t, said
returning id::text
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def jobs(stack: Stack) -> list[str]:
    """A failed job for each string."""
    done = stack.enqueue(f"{stack.base}/samples/astronaut.jpg")
    assert stack.final(done)["status"] == "completed"
    return [row["id"] for row in await stack.sql(PLANT, list(ALL), list(ADDRESSES))]


def by(text: str) -> dict[str, Any]:
    return {"since": NOW, "reason": text, "actor": text}


def stained(overview: dict[str, Any], strings: tuple[str, ...] = ALL) -> dict[str, Any]:
    """The queue's state, with strings wherever somebody has named something."""
    model = {
        "breaker": "open", "byHand": True, "openSeconds": 1, "waitSeconds": None, "retriesLeft": 1,
        "listed": False, "redirected": 0, "requestsPerSecond": 1, "tokensPerMinute": 1, "rate": 1,
        "limitedSeconds": 0, "permitsUsed": 1, "permitsAllowed": 1,
    }  # fmt: skip
    worker = {"startedSeconds": 1, "silentSeconds": 1, "slots": 8, "busy": 1}
    doing = {"jobId": ID, "kind": "prompt", "sinceSeconds": 1}
    spend = {"calls": 1, "unresolved": 0, "usd": 1, "inputTokens": 1, "outputTokens": 1}
    return overview | {
        "paused": {
            "queue": by("".join(strings)), "models": [by(one) | {"model": one} for one in strings],
            "priorities": [by(one) | {"from": 1, "to": 3} for one in strings[:1]],
        },
        "models": [model | {"model": one, "cause": one} for one in strings],
        "workers": [
            worker | {"name": one, "host": one, "doing": [doing | {"model": one}]}
            for one in strings
        ],
        "alerts": [{"name": one, "since": NOW, "sentence": one} for one in strings],
        "errors": [{"kind": "prompt", "code": one, "count": 1} for one in strings],
        "sources": [{"source": one, "count": 1, "share": 0.1} for one in strings],
        "spend": {
            "todayUsd": 1,
            "byModel": [spend | {"model": one, "provider": one, "leg": one} for one in strings],
        },
        "promises": [
            {"kind": one, "kept": 1, "scored": 1, "coverage": 1, "hours": 24} for one in strings
        ],
    }  # fmt: skip


async def stain(page: Page, strings: tuple[str, ...] = ALL) -> None:
    """What the server says of its state is full of them from now on."""

    async def answer(route: Route) -> None:
        real = await route.fetch()
        await route.fulfill(response=real, json=stained(await real.json(), strings))

    await page.route("**/api/ops/overview", answer)


@pytest.mark.parametrize("view", ["", "/models", "/workers"])
async def test_names_and_reasons_are_text(
    page: Page, seen: Eyes, jobs: list[str], view: str
) -> None:
    """Of models, workers, alerts, pauses, errors and sources, wherever the dashboard has them."""
    assert jobs
    await stain(page)
    await page.goto(f"/ops{view}?theme={quote(ALL[0])}#{quote(ALL[2])}")
    await expect(page.get_by_role("heading", level=1).last).to_be_visible(timeout=SOON)
    await expect(page.locator(".view")).to_contain_text(ALL[0], timeout=SOON)
    await seen.sees()
    await seen.harmless()


async def test_errors_and_models_in_the_list_are_text(
    page: Page, seen: Eyes, jobs: list[str]
) -> None:
    """All failed jobs at once, also as cards on a telephone."""
    await page.goto("/ops/jobs?status=failed")
    await expect(page.locator(f'a[href="/ops/jobs/{jobs[0]}"]')).to_be_visible(timeout=SOON)
    if len(jobs) > 50:
        await page.get_by_role("button", name="Show earlier ones").click()
    await expect(page.locator(".jobs tbody tr")).to_have_count(len(jobs))
    await seen.sees()
    await seen.harmless()


async def test_acts_and_their_reasons_are_text(page: Page, seen: Eyes, jobs: list[str]) -> None:
    """Actor, act, what it was about, its detail and its reason."""
    assert jobs
    await page.goto("/ops/audit")
    await expect(page.locator("tbody tr").first).to_be_visible(timeout=SOON)
    await seen.sees()
    await seen.harmless()


def story(found: dict[str, Any]) -> dict[str, Any]:
    """All that is known of a job, with every string wherever somebody wrote something."""
    at = {"createdAt": NOW, "startedAt": NOW, "endedAt": NOW}
    every = "\n".join(ALL)
    events = [
        at | {"id": n, "kind": kind, "actor": one, "reason": one,
              "data": dict.fromkeys(("worker", "code", "model", "predictionId", "successor"), one)}
        for n, one in enumerate(ALL) for kind in ("claimed", "failed", "picture_submitted", one)
    ]  # fmt: skip
    call = {"state": "answered", "provider": "xai", "httpStatus": 400}
    calls = [at | call | {"callId": one, "model": one, "errorCode": one} for one in ALL]
    hook = {"id": ID, "state": "exhausted", "tries": 2, "lastStatus": 500}
    attempt = {"leg": "prompt", "claimedAt": NOW, "endedAt": NOW, "calls": []}
    return found | {
        "timeline": {
            "events": events, "calls": calls,
            "webhooks": [at | hook | {"type": one} for one in ALL],
        },
        "attempts": [
            attempt | {"number": n, "worker": one, "outcome": one} for n, one in enumerate(ALL)
        ],
        "waitingReason": {"code": "paused", "detail": every, "until": None},
        "job": found["job"] | {
            "status": "queued", "error": every, "generatedPrompt": every, "model": every,
            "source": every, "refUrls": list(ADDRESSES),
        },
    }  # fmt: skip


def picture(found: dict[str, Any]) -> dict[str, Any]:
    """The same of a job that became pictures, whose addresses a provider has named."""
    made = [
        {"number": n, "status": "succeeded", "url": one, "thumbnailUrl": one}
        for n, one in enumerate(ADDRESSES)
    ]
    job = found["job"] | {
        "jobId": ID,
        "prompt": "\n".join(ALL),
        "generationModel": ALL[0],
        "pictures": made,
    }
    return found | {"kind": "picture", "job": job}


@pytest.mark.parametrize("told", [story, picture])
async def test_the_page_of_a_job_is_text(
    page: Page, seen: Eyes, jobs: list[str], told: Any
) -> None:
    """Prompt, errors, what happened, who did it, why it waits; its pictures have safe addresses."""

    async def answer(route: Route) -> None:
        real = await route.fetch()
        await route.fulfill(response=real, json=told(await real.json()))

    await stain(page, ALL[:1])
    await page.route(f"**/api/ops/jobs/{jobs[0]}", answer)
    await page.goto(f"/ops/jobs/{jobs[0]}")
    await expect(page.locator(".prompt-text")).to_be_visible(timeout=SOON)
    await expect(page.locator("figure")).to_have_count(len(ADDRESSES) + (told is story))
    await seen.sees()
    await seen.harmless()


async def test_what_the_server_refuses_with_is_text(
    page: Page, seen: Eyes, jobs: list[str]
) -> None:
    """Also where the page's address asks: filters, an id, a fragment; in a dialog and a toast."""
    every = " ".join(ALL)

    async def refuse(route: Route) -> None:
        said = {
            "type": "about:blank",
            "title": every,
            "status": 400,
            "detail": every,
            "code": ALL[0],
        }
        await route.fulfill(
            status=400, content_type="application/problem+json", body=json.dumps(said)
        )

    for path in ("jobs*", "jobs/*", "audit*"):
        await page.route(f"**/api/ops/{path}", refuse)
    filters = {
        name: "".join(ALL[:14])
        for name in ("q", "model", "errorCode", "userId", "rowId", "priority", "kind")
    }
    for path in (
        f"jobs?{urlencode(filters)}#{quote(every[:900])}",
        f"jobs/{quote(''.join(ALL[:14]), safe='')}",
        "audit",
    ):
        await page.goto(f"/ops/{path}")
        await expect(page.get_by_role("alert")).to_contain_text(ALL[0], timeout=SOON)
        await seen.sees()
        await seen.harmless()
    await page.unroute("**/api/ops/jobs*")
    await stain(page, (every,))
    await page.route("**/api/prompt/queue/resume", refuse)
    await page.goto("/ops/models")
    await page.get_by_role("button", name="Resume").click()
    await expect(page.get_by_role("dialog")).to_contain_text(ALL[0])
    await seen.harmless()
    await page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    await expect(page.locator(".toast")).to_contain_text(ALL[0])
    await seen.harmless()
