"""One gate for all workers: all of the quota, none of the 429s, urgent jobs first."""

import time

import pytest

from prompt_queue.testing import PictureServer, StandIn
from tests.conftest import until
from tests.e2e.conftest import StackFactory
from tests.e2e.stack import Stack, wait_for
from tests.photographs import plain

FILL = """
insert into public.prompt_generation_jobs (row_id, model_id, user_id, target_url, priority)
select row_id, model_id, user_id, target_url, 1 + n % 10
from public.prompt_generation_jobs, generate_series(1, 999) as n
"""
LEFT = "select count(*) from public.prompt_generation_jobs where status <> 'completed'"
LEDGER = """
select j.priority, c.state, c.http_status from public.provider_calls c
join public.prompt_generation_jobs j on j.id = c.job_id order by c.send_at
"""
A_FEW_SECONDS = 60
"""Calls: what four workers may hold, have sent and wait for."""


async def left(stack: Stack) -> int:
    (row,) = await stack.sql(LEFT)
    return int(row[0])


@pytest.mark.timeout(170)
async def test_a_thousand_jobs_pass_the_gate_in_order_and_unrefused(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Four workers, a bucket of twenty a second, priorities mixed."""
    xai_stand_in.settings(limit={"manner": "bucket", "rps": 20})
    stack = make_stack(workers=4, models="grok-4.7", rate_limits="grok-4.7=20", CRON_SECRET="cron")
    operator = {"Authorization": "Bearer cron"}
    assert stack.request("POST", "/api/prompt/queue/pause", {}, operator).status == 200
    stack.enqueue(picture_server.add("t.png", plain("teal")), priority=5)
    await stack.sql(FILL)
    began = time.monotonic()
    assert stack.request("POST", "/api/prompt/queue/resume", {}, operator).status == 200

    async def none_is_left() -> bool:
        return await left(stack) == 0

    await until(none_is_left, 100, every=0.5)
    took = time.monotonic() - began
    assert took < 1000 / (0.85 * 20) + 2
    calls = xai_stand_in.calls()
    assert {call["status"] for call in calls} == {200}
    book = await stack.sql(LEDGER)
    assert len(book) == len(calls) == 1000
    assert {(row["state"], row["http_status"]) for row in book} == {("answered", 200)}
    priorities = [row["priority"] for row in book]
    for place, priority in enumerate(priorities[:-A_FEW_SECONDS]):
        assert priority >= max(priorities[place + A_FEW_SECONDS :])


def test_a_new_limit_counts_for_the_next_call_of_every_worker(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Within two seconds, up and down."""
    stack = make_stack(workers=2, models="grok-4.7", rate_limits="grok-4.7=4", CRON_SECRET="cron")
    url = picture_server.add("t.png", plain("teal"))
    for _ in range(80):
        stack.enqueue(url)

    def rate(seconds: float) -> float:
        before = len(xai_stand_in.calls())
        time.sleep(seconds)
        return (len(xai_stand_in.calls()) - before) / seconds

    wait_for(xai_stand_in.calls, 10, "the first call")
    assert rate(4) <= 4.5
    body = {"model": "grok-4.7", "requestsPerSecond": 40}
    answer = stack.request(
        "POST", "/api/prompt/queue/limits", body, {"Authorization": "Bearer cron"}
    )
    assert (answer.status, answer.body["changed"]) == (200, True)
    wait_for(lambda: len(xai_stand_in.calls()) > 40, 2, "the new rate")
    (model,) = [m for m in stack.get("/api/health").body["models"] if m["model"] == "grok-4.7"]
    assert (model["requestsPerSecond"], model["rate"] > 30) == (40, True)


async def test_after_a_crash_of_everything_it_starts_paced(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """The gate's table is empty then; the provider, which counted on, refuses nothing."""
    xai_stand_in.settings(limit={"manner": "bucket", "rps": 10})
    stack = make_stack(workers=2, models="grok-4.7", rate_limits="grok-4.7=10", lease_seconds=2)
    url = picture_server.add("t.png", plain("teal"))
    for _ in range(60):
        stack.enqueue(url)
    wait_for(lambda: len(xai_stand_in.calls()) > 20, 20, "it is at work")
    stack.kill_everything()
    stack.up()

    async def none_is_left() -> bool:
        return await left(stack) == 0

    await until(none_is_left, 30, every=0.2)
    assert {call["status"] for call in xai_stand_in.calls()} <= {200, None}
