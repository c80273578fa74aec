"""Ten thousand jobs: stopped and let go, tried again, and forgotten, as an operator would."""

import asyncio
import json
from collections import Counter
from uuid import UUID

from prompt_queue.settings import DEMO_MODEL_ID, DEMO_ROW_ID, DEMO_USER_ID
from prompt_queue.testing import PictureServer, StandIn
from tests.conftest import until
from tests.e2e.conftest import StackFactory
from tests.e2e.crowd import (
    MANY,
    OPERATOR,
    OPERATOR_SECRET,
    claims,
    command,
    fill,
    new_users,
    processing,
)
from tests.e2e.stack import Stack
from tests.photographs import plain

ENDED = """
insert into prompt_generation_jobs (row_id, model_id, user_id, target_url, status, generated_prompt,
  error, error_code, created_at, completed_at, updated_at)
select $1, $2, $3, $4, $5, case $5 when 'completed' then 'Done.' end,
  case $5 when 'failed' then 'It broke.' end, $6, t.at, t.at, t.at
from (
  select clock_timestamp() - make_interval(secs => $7 * 86400 + n) as at
  from generate_series(1, $8::int) n
) t
"""


async def ended(
    stack: Stack, status: str, jobs: int, *, url: str, days: float = 0, code: str | None = None
) -> None:
    """Jobs of the demo's row that ended so many days ago."""
    await stack.sql(ENDED, DEMO_ROW_ID, DEMO_MODEL_ID, DEMO_USER_ID, url, status, code, days, jobs)


async def statuses(stack: Stack) -> Counter[str]:
    """How many jobs have each status."""
    rows = await stack.sql("select status, count(*) from prompt_generation_jobs group by 1")
    return Counter({row["status"]: row["count"] for row in rows})


async def stands_still(stack: Stack) -> None:
    """What runs is finished, and for a while nothing is claimed."""

    async def nothing_runs() -> bool:
        return await processing(stack) == 0

    await until(nothing_runs, 20)
    before = len(await claims(stack))
    await asyncio.sleep(3)
    assert len(await claims(stack)) == before


async def goes_on(stack: Stack) -> None:
    """Jobs are claimed again."""
    before = len(await claims(stack))

    async def more() -> bool:
        return len(await claims(stack)) >= before + 10

    await until(more, 20)


async def test_a_paused_queue_takes_in_everything_and_gives_out_nothing(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """By HTTP, by the command line, and for the only model: with 10,000 jobs waiting."""
    xai_stand_in.settings(latency_seconds=0.2)
    stack = make_stack(workers=2, concurrency=2, CRON_SECRET=OPERATOR_SECRET, models="grok-4.7")
    url = picture_server.add("t.png", plain("teal"))
    await fill(stack, await new_users(stack, 4), url, priority=5, jobs=MANY)
    await goes_on(stack)

    async def press(act: str, body: dict[str, str]) -> None:
        path = f"/api/prompt/queue/{act}"
        answer = await asyncio.to_thread(stack.request, "POST", path, body, OPERATOR)
        assert (answer.status, answer.body["changed"]) == (200, True)

    await press("pause", {"reason": "repairs"})
    await stands_still(stack)
    mine = await asyncio.to_thread(stack.enqueue, url, priority=10)
    assert (await asyncio.to_thread(stack.job, mine))["status"] == "queued"
    health = (await asyncio.to_thread(stack.get, "/api/health")).body
    assert any("paused" in reason for reason in health["reasons"])
    await press("resume", {})
    await goes_on(stack)
    assert (await asyncio.to_thread(stack.final, mine))["status"] == "completed"

    assert "is now paused" in await command(stack, "pause", "--reason", "more repairs")
    await stands_still(stack)
    assert "is now running" in await command(stack, "resume")
    await goes_on(stack)

    await press("pause", {"model": "grok-4.7"})
    await stands_still(stack)
    await press("resume", {"model": "grok-4.7"})
    await goes_on(stack)
    assert (await statuses(stack))["failed"] == 0


async def test_failed_jobs_go_back_by_their_class_once(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Of 10,000 failures those of a class are tried again, by HTTP and by the command line."""
    xai_stand_in.settings(latency_seconds=0)
    stack = make_stack(workers=2, concurrency=16)
    url = picture_server.add("t.png", plain("teal"))
    await ended(stack, "failed", MANY - 100, url=url, code="invalid_input")
    await ended(stack, "failed", 100, url=url, code="provider_timeout")
    ask = {"errorCode": "provider_timeout", "limit": 60}
    path = "/api/prompt/queue/retry"
    first = await asyncio.to_thread(stack.request, "POST", path, ask)
    assert first.body == {"retried": 60}
    pressed = ("retry", "--failed", "--code", "provider_timeout", "--limit", "1000", "--json")
    assert json.loads(await command(stack, *pressed)) == {"retried": 40}

    async def all_completed() -> bool:
        return (await statuses(stack))["completed"] == 100

    await until(all_completed, 60)
    assert json.loads(await command(stack, *pressed)) == {"retried": 0}
    assert await statuses(stack) == {"completed": 100, "failed": MANY - 100}
    rows = await stack.sql(
        "select job_id, count(*) as times from prompt_job_events where kind = 'retried' group by 1"
    )
    assert [row["times"] for row in rows] == [1] * 100


async def test_what_is_old_and_over_is_forgotten_by_the_running_product(
    make_stack: StackFactory, picture_server: PictureServer
) -> None:
    """A worker prunes 10,000 old jobs when it starts, and leaves the young and the named ones."""
    stack = make_stack(workers=1, jobs_days=30, events_days=30, ledger_days=60)
    url = picture_server.add("t.png", plain("teal"))
    await ended(stack, "completed", MANY - 3000, url=url, days=31)
    await ended(stack, "failed", 3000, url=url, days=31, code="invalid_input")
    await ended(stack, "completed", 50, url=url, days=29)
    named = [
        row["id"]
        for row in await stack.sql(
            "insert into jobs (prompt_job_id) select id from prompt_generation_jobs "
            "where completed_at < now() - interval '30 days' order by random() limit 20 "
            "returning prompt_job_id as id"
        )
    ]
    await stack.sql(
        "insert into prompt_job_events (job_id, user_id, kind, created_at) "
        "select gen_random_uuid(), $1, 'queued', now() - make_interval(days => n) "
        "from generate_series(1, 60) n order by n desc",
        DEMO_USER_ID,
    )
    await stack.sql(
        "insert into provider_calls (call_id, job_id, user_id, model, state, started_at) "
        "select gen_random_uuid(), gen_random_uuid(), $1, 'm', 'answered', "
        "now() - make_interval(days => n, hours => 1) from generate_series(1, 90) n",
        DEMO_USER_ID,
    )
    # Its hourly pass was made at the start, on an empty database.
    await stack.sql("delete from prompt_queue_singletons")
    assert await asyncio.to_thread(stack.down) == 0
    await asyncio.to_thread(stack.up)

    async def pruned() -> bool:
        return (await statuses(stack)).total() == 70

    await until(pruned, 30)
    left = {row["id"] for row in await stack.sql("select id from prompt_generation_jobs")}
    assert set(map(UUID, map(str, named))) <= left

    async def events_and_ledger_too() -> bool:
        (row,) = await stack.sql(
            "select (select min(created_at) > now() - interval '31 days' from prompt_job_events) "
            "and (select count(*) = 59 from provider_calls) as done"
        )
        return bool(row["done"])

    await until(events_and_ledger_too, 30)
    stats = (await asyncio.to_thread(stack.get, "/api/prompt/queue")).body
    assert (stats["totalCompleted"] + stats["totalFailed"]) == 70
