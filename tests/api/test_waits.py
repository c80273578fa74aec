"""What is said about waits: an estimate that is honest, and the reason why a job waits."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.api.parts import Parts
from prompt_queue.store.prompt_store import PromptStore
from tests.api.running import QUEUE, Api, complete, finish, running
from tests.api.test_picture_jobs import create
from tests.conftest import until

MODEL = "grok-4.7"


async def work_begins(api: Api, slots: int = 4) -> None:
    """A worker says that it lives; nobody works."""
    await api.parts.worker_store.seen("tester", "host", 1, slots, 0)


async def look(api: Api, job: str) -> Any:
    """The job, from a look that is not remembered from before."""
    api.parts.forecasts.forget()
    return (await api.get(f"{QUEUE}/{job}")).body


async def sql(parts: Parts, query: str, *values: object) -> Any:
    connection = await asyncpg.connect(parts.prompt_store.database.dsn, statement_cache_size=0)
    try:
        return await connection.fetchrow(query, *values)
    finally:
        await connection.close()


async def test_a_promise_is_made_and_kept_in_mind(api: Api, demo: UUID, store: PromptStore) -> None:
    """The answer has median and nine-of-ten; a promise is written with the job, and scored."""
    await work_begins(api)
    reply = await api.enqueue(demo)
    body = reply.body
    eta = body["eta"]
    assert 0 <= eta["startP50"] <= eta["startP90"] <= eta["doneP90"]
    assert eta["startP50"] <= eta["doneP50"] <= eta["doneP90"]
    assert (body["etaReason"], body["positionExact"]) == (None, True)
    assert abs(body["estimatedWaitTime"] - eta["doneP50"]) <= 1
    row = await sql(
        api.parts, "select * from public.prompt_promises where job_id = $1",
        UUID(body["promptJobId"]),
    )  # fmt: skip
    assert round(row["done_p90"], 1) == eta["doneP90"]
    await complete(store)
    assert await api.parts.wait_store.score() == 1
    health = (await api.get("/api/health")).body
    assert {(one["kind"], one["kept"], one["scored"]) for one in health["promises"]} == {
        ("start", 1, 1), ("done", 1, 1),
    }  # fmt: skip
    assert "p90 promises kept (done), last 24 h: 100%" in {
        one["sentence"] for one in health["promises"]
    }


async def test_a_repeat_is_told_the_same_and_promised_nothing_more(api: Api, demo: UUID) -> None:
    await work_begins(api)
    body = {"rowId": str(demo), "targetUrl": "https://images.example.com/a.jpg"}
    headers = {"Idempotency-Key": str(uuid4())}
    first = await api.post(QUEUE, json=body, headers=headers)
    again = await api.post(QUEUE, json=body, headers=headers)
    assert (again.body, again.headers["Idempotency-Replayed"]) == (first.body, "true")
    count = await sql(api.parts, "select count(*) from public.prompt_promises")
    assert count[0] == 1


async def test_nobody_can_know_while_nobody_works(api: Api, demo: UUID) -> None:
    """No forecast, the reason for that, and still a number; nothing is promised."""
    reply = await api.enqueue(demo)
    assert (reply.body["eta"], reply.body["etaReason"]) == (None, "no_worker")
    assert reply.body["estimatedWaitTime"] >= 1
    assert (await sql(api.parts, "select count(*) from public.prompt_promises"))[0] == 0
    await work_begins(api)
    view = await look(api, reply.body["promptJobId"])
    assert (view["waitingReason"]["code"], view["etaReason"]) == ("position", None)
    assert view["eta"]["doneP90"] > 0


async def pause(api: Api, _job: str) -> None:
    await api.parts.operator_store.pause(None, "lunch", "test")


async def pause_model(api: Api, _job: str) -> None:
    for model in ("grok-4.7", "grok-4.6", "grok-4.3"):
        await api.parts.operator_store.pause(model, "lunch", "test")


async def open_breakers(api: Api, _job: str) -> None:
    for model in ("grok-4.7", "grok-4.6", "grok-4.3"):
        await api.parts.model_store.set_breaker(
            model, is_open=True, seconds=300, reason=None, actor="test"
        )


async def close_gate(api: Api, _job: str) -> None:
    await sql(
        api.parts,
        "insert into public.prompt_model_limits (model, requests_per_second) values ($1, 10) "
        "on conflict (model) do update set requests_per_second = 10", MODEL,
    )  # fmt: skip
    await sql(
        api.parts,
        "insert into public.prompt_model_gates (model, rate, closed_until) "
        "values ($1, 10, clock_timestamp() + interval '1 minute') on conflict (model) do update "
        "set closed_until = excluded.closed_until", MODEL,
    )  # fmt: skip


async def cap(api: Api, job: str) -> None:
    await sql(
        api.parts, "update public.prompt_job_queue set state = 'capped' where job_id = $1",
        UUID(job),
    )  # fmt: skip


def postponed(code: str) -> Callable[[Api, str], Awaitable[None]]:
    async def act(api: Api, job: str) -> None:
        settled = await finish(
            api.parts.prompt_store, outcome="postponed", error="x", error_code=code,
            delay_seconds=300,
        )  # fmt: skip
        assert settled == job

    return act


@pytest.mark.parametrize(
    ("act", "code", "has_end"),
    [
        (pause, "paused", False), (pause_model, "paused", False),
        (open_breakers, "breaker_open", True), (close_gate, "rate_gate", True),
        (cap, "user_cap", False), (postponed("provider_unavailable"), "backoff", True),
        (postponed("retry_budget"), "budget", True), (postponed("out_of_credit"), "budget", True),
        (postponed("rate_limited"), "rate_gate", True),
    ],
)  # fmt: skip
async def test_each_reason_is_told(
    api: Api, demo: UUID, act: Callable[[Api, str], Awaitable[None]], code: str, has_end: bool
) -> None:
    """Code, end and a sentence that says what helps; a pause without end has no forecast."""
    await work_begins(api)
    job = await api.queued(demo)
    await act(api, job)
    view = await look(api, job)
    reason = view["waitingReason"]
    assert (reason["code"], reason["until"] is not None) == (code, has_end)
    assert len(reason["detail"]) > 20
    if code == "paused":
        assert (view["eta"], view["etaReason"]) == (None, "paused")
    else:
        assert view["eta"]["doneP50"] > 0
    if code in {"breaker_open", "backoff"}:
        assert view["eta"]["startP50"] > 100


async def test_who_is_at_work_or_has_ended_waits_for_nothing(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    await work_begins(api)
    job = await api.queued(demo)
    (claim,) = await store.claim(1, "tester", 30)
    at_work = await look(api, job)
    assert (at_work["waitingReason"], at_work["eta"]["startP50"]) == (None, 0)
    await store.settle([{
        "job_id": job, "lease_token": str(claim.lease_token), "outcome": "completed",
        "prompt": "x", "source": "model", "model": MODEL,
    }])  # fmt: skip
    ended = await look(api, job)
    assert (ended["waitingReason"], ended["eta"], ended["etaReason"]) == (None, None, None)


async def test_a_picture_waits_for_its_prompt_and_tells_why(
    database_url: str, demo: UUID, tmp_path: Path, store: PromptStore
) -> None:
    """Prompt and picture together; then its own turn, and its own provider's troubles."""
    settings = {"wavespeed_api_key": "key", "wavespeed_level": "none"}
    async with running(database_url, tmp_path, **settings) as api:
        await work_begins(api)
        created = (await create(api, demo, useAiPrompt=True)).body
        assert created["eta"]["doneP50"] > created["estimatedPromptTime"]
        here = f"/api/jobs/{created['jobId']}"
        waiting = (await api.get(here)).body["waitingReason"]
        assert (waiting["code"], "It is the next one." in waiting["detail"]) == (
            "waiting_prompt", True,
        )  # fmt: skip
        await complete(store)
        api.parts.forecasts.forget()
        assert (await api.get(here)).body["waitingReason"]["code"] == "position"
        await api.parts.operator_store.pause("wavespeed", None, "test")
        api.parts.forecasts.forget()
        paused = (await api.get(here)).body
        assert (paused["waitingReason"]["code"], paused["eta"], paused["etaReason"]) == (
            "paused", None, "paused",
        )  # fmt: skip


async def test_many_who_ask_share_a_look(api: Api, demo: UUID) -> None:
    """The queue is looked at once a second, however many ask."""
    job = await api.queued(demo)
    before = await api.parts.forecasts.outlook()
    await api.get(f"{QUEUE}/{job}")
    same = await api.parts.forecasts.outlook()

    async def looked_again() -> bool:
        return await api.parts.forecasts.outlook() is not before

    assert same is before or await looked_again()
    await until(looked_again)
