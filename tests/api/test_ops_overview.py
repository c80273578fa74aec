"""The overview counts what there is, and one look serves everybody."""

import asyncio
from typing import Any
from uuid import UUID

from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from tests.api.conftest import CRON_SECRET
from tests.api.running import QUEUE, Api, complete, fail
from tests.conftest import until

OPERATOR = {"Authorization": f"Bearer {CRON_SECRET}"}


async def overview(api: Api) -> Any:
    """A look that is younger than whatever was done before."""
    api.server.config.app.state.overview._good_until = float("-inf")  # type: ignore[union-attr]
    reply = await api.get("/api/ops/overview", headers=OPERATOR)
    assert reply.status == 200, reply.content
    return reply.body


async def test_nobody_looks_without_the_right_to(api: Api) -> None:
    """Every route of the operator refuses who has no secret, and changes nothing."""
    for path in ("overview", "jobs", "audit", "jobs/00000000-0000-4000-a000-000000000003"):
        assert (await api.get(f"/api/ops/{path}")).status == 401
    for path in ("jobs/retry", "jobs/cancel"):
        assert (await api.post(f"/api/ops/{path}", json={"ids": []})).status == 401


async def test_an_empty_queue_has_an_overview(api: Api) -> None:
    """Zeros and nulls, 60 minutes of two kinds, and no division by nothing."""
    found = await overview(api)
    assert found["depth"]["byStatus"]["prompts"] == {
        "queued": 0, "delayed": 0, "capped": 0, "processing": 0
    }  # fmt: skip
    assert [lane["priority"] for lane in found["depth"]["byPriority"]] == list(range(10, 0, -1))
    assert len(found["perMinute"]) == 120
    assert (found["errorRate"], found["oldestAgeSeconds"]) == (None, None)
    assert found["wait"] == {"p50": None, "p90": None, "p99": None, "count": 0}
    assert found["spend"] == {"todayUsd": 0.0, "byModel": []}
    assert found["paused"] == {"queue": None, "models": [], "priorities": []}


async def test_depth_workers_and_what_they_do(api: Api, store: PromptStore, demo: UUID) -> None:
    """A claimed job is counted as processing, and stands with the worker that has it."""
    await api.queued(demo, priority=9)
    await api.queued(demo, priority=2)
    await api.parts.worker_store.seen("tester", "here", 7, 4, 1)
    (claim,) = await store.claim(1, "tester", 30)
    found = await overview(api)
    prompts = found["depth"]["byStatus"]["prompts"]
    assert (prompts["queued"], prompts["processing"]) == (1, 1)
    lanes = {lane["priority"]: lane for lane in found["depth"]["byPriority"]}
    assert (lanes[9]["processing"], lanes[2]["ready"]) == (1, 1)
    assert found["oldestAgeSeconds"] >= 0
    (worker,) = found["workers"]
    assert (worker["name"], worker["host"], worker["slots"]) == ("tester", "here", 4)
    (doing,) = worker["doing"]
    assert (doing["jobId"], doing["leg"], doing["priority"]) == (str(claim.job_id), "prompt", 9)


async def test_the_past_is_counted_by_kind_source_and_class(
    api: Api, store: PromptStore, demo: UUID
) -> None:
    """Ends of jobs are in error rate, shares and percentiles of the last hour."""
    for _ in range(3):
        await api.queued(demo)
    await complete(store)
    await complete(store)
    await fail(store, "refused")

    async def counted() -> bool:
        return bool((await overview(api))["errors"])

    await until(counted)
    found = await overview(api)
    assert found["errors"] == [{"kind": "prompt", "code": "refused", "count": 1}]
    assert found["errorRate"] == round(1 / 3, 4)
    assert found["sources"] == [{"source": "model", "count": 2, "share": 1.0}]
    assert (found["wait"]["count"], found["processing"]["count"]) == (2, 2)
    assert 0 < found["wait"]["p50"] <= found["wait"]["p90"] <= found["wait"]["p99"]


async def test_a_full_minute_is_in_the_chart(api: Api, database: Database) -> None:
    """What was counted for the minute before this one stands in its place, by kind."""
    async with database.transaction() as transaction:
        await transaction._connection.execute(
            "insert into prompt_queue_minutes (minute, name, label, value) values "
            "(date_trunc('minute', now()) - interval '1 minute', 'queued', '', 7), "
            "(date_trunc('minute', now()) - interval '1 minute', 'failed', 'refused', 1), "
            "(date_trunc('minute', now()) - interval '1 minute', 'failed', 'bad_input', 2), "
            "(date_trunc('minute', now()) - interval '2 minutes', 'picture_succeeded', '', 3)"
        )
    minutes = (await overview(api))["perMinute"]
    prompts = [one for one in minutes if one["kind"] == "prompt" and one["arrivals"]]
    assert [(one["arrivals"], one["failed"]) for one in prompts] == [(7, 3)]
    assert sum(one["completed"] for one in minutes if one["kind"] == "picture") == 3


async def test_money_and_permits_are_those_of_today(api: Api, database: Database) -> None:
    """Calls before midnight UTC are left out, those without an answer counted as unresolved."""
    async with database.transaction() as transaction:
        await transaction._connection.execute(
            "insert into provider_calls (call_id, job_id, user_id, model, state, cost_usd, "
            "prompt_tokens, completion_tokens, reasoning_tokens, started_at) "
            "select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'grok', s, 0.25, "
            "10, 5, 2, a from (values ('answered', clock_timestamp()), "
            "('unanswered', clock_timestamp()), "
            "('answered', date_trunc('day', now(), 'UTC') - interval '1 second')) v (s, a)"
        )
    await api.post(
        f"{QUEUE}/limits", json={"model": "grok", "requestsPerSecond": 2}, headers=OPERATOR
    )
    await api.post(f"{QUEUE}/breaker", json={"model": "grok", "state": "open"}, headers=OPERATOR)
    found = await overview(api)
    assert found["spend"]["todayUsd"] == 0.5
    (grok,) = found["spend"]["byModel"]
    assert (grok["calls"], grok["unresolved"], grok["usd"]) == (2, 1, 0.5)
    assert (grok["inputTokens"], grok["outputTokens"]) == (20, 14)
    (model,) = found["models"]
    assert (model["permitsUsed"], model["permitsAllowed"], model["breaker"]) == (2, 120, "open")


async def test_one_look_serves_everybody(api: Api, demo: UUID) -> None:
    """Twenty viewers at once cause one look, and a job that comes meanwhile is seen later."""
    asked: list[int] = []
    read = api.parts.ops_store.now

    async def counting() -> Any:
        asked.append(1)
        return await read()

    object.__setattr__(api.parts.ops_store, "now", counting)
    replies = await asyncio.gather(
        *(api.get("/api/ops/overview", headers=OPERATOR) for _ in range(20))
    )
    assert ({reply.status for reply in replies}, len(asked)) == ({200}, 1)
    await api.queued(demo)
    later = (await api.get("/api/ops/overview", headers=OPERATOR)).body
    assert later["depth"]["byStatus"]["prompts"]["queued"] == 0
    assert 0 <= later["cachedSeconds"] < 5
    again = (await overview(api))["depth"]["byStatus"]["prompts"]
    assert again["queued"] == 1
