"""Ten thousand jobs wait: who comes next, and how many of one user are under way."""

import asyncio
from collections import Counter
from uuid import UUID

from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.testing import PictureServer, StandIn
from tests.conftest import until
from tests.e2e.conftest import StackFactory
from tests.e2e.crowd import MANY, OPERATOR, OPERATOR_SECRET, claims, event_of, fill, new_users
from tests.photographs import plain

LATENCY_SECONDS = 0.2
WORKERS, SLOTS = 2, 2


async def test_one_users_crowd_delays_another_user_by_a_handful_of_claims(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """10,000 jobs of one user are queued; another's single job of the same priority comes soon."""
    xai_stand_in.settings(latency_seconds=LATENCY_SECONDS)
    stack = make_stack(workers=WORKERS, concurrency=SLOTS)
    url = picture_server.add("t.png", plain("teal"))
    crowd = await new_users(stack, 1)
    await fill(stack, crowd, url, priority=5, jobs=MANY)

    async def busy() -> bool:
        return len(await claims(stack)) >= 20

    await until(busy, 30)
    mine = await asyncio.to_thread(stack.enqueue, url, priority=5)
    assert (await asyncio.to_thread(stack.final, mine))["status"] == "completed"
    came, went = await event_of(stack, mine, "queued"), await event_of(stack, mine, "claimed")
    before = [user for event, _, user in await claims(stack) if came < event < went]
    assert set(before) <= set(crowd)
    assert len(before) <= 2 * WORKERS * SLOTS
    (left,) = await stack.sql("select count(*) from prompt_job_queue")
    assert left["count"] > MANY * 0.9


async def test_waiting_outweighs_priority_at_the_bound_and_not_before(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """A job of priority 1 goes before 10,000 of priority 10 that came nine steps of ageing later;
    one that came with them goes after all of them."""
    xai_stand_in.settings(latency_seconds=LATENCY_SECONDS)
    step_seconds = 0.4
    stack = make_stack(
        workers=WORKERS, concurrency=SLOTS, ageing_seconds=step_seconds, CRON_SECRET=OPERATOR_SECRET
    )
    url = picture_server.add("t.png", plain("teal"))
    pause = await asyncio.to_thread(stack.request, "POST", "/api/prompt/queue/pause", {}, OPERATOR)
    assert pause.status == 200
    early = await asyncio.to_thread(stack.enqueue, url, priority=1)
    await asyncio.sleep(9 * step_seconds + 1)
    crowd = await new_users(stack, 10)
    await fill(stack, crowd, url, priority=10, jobs=MANY)
    late = await asyncio.to_thread(stack.enqueue, url, priority=1)
    await asyncio.to_thread(stack.request, "POST", "/api/prompt/queue/resume", {}, OPERATOR)

    async def far_enough() -> bool:
        return len(await claims(stack)) >= 40

    await until(far_enough, 30)
    claimed = [job for _, job, _ in await claims(stack)]
    assert UUID(early) in claimed[: WORKERS * SLOTS]
    assert UUID(late) not in claimed


async def test_a_user_has_no_more_under_way_than_the_cap_and_holds_nobody_up(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """With 10,000 jobs of one user at the head, others' jobs get the slots that the cap leaves."""
    cap = 2
    xai_stand_in.settings(latency_seconds=LATENCY_SECONDS)
    stack = make_stack(workers=WORKERS, concurrency=4, user_in_flight_cap=cap)
    url = picture_server.add("t.png", plain("teal"))
    (greedy,) = await new_users(stack, 1)
    await fill(stack, [greedy], url, priority=10, jobs=MANY)
    others = await new_users(stack, 5)
    await fill(stack, others, url, priority=1, jobs=40)

    async def others_done() -> bool:
        rows = await stack.sql(
            "select count(*) from prompt_generation_jobs "
            "where user_id = any ($1) and status = 'completed'",
            others,
        )
        return bool(rows[0]["count"] == 40)

    await until(others_done, 60)
    rows = await stack.sql(
        "select user_id, kind from prompt_job_events "
        "where kind in ('claimed', 'completed', 'failed', 'released') order by id"
    )
    under_way: Counter[UUID] = Counter()
    most: Counter[UUID] = Counter()
    for row in rows:
        under_way[row["user_id"]] += 1 if row["kind"] == "claimed" else -1
        most[row["user_id"]] = max(most[row["user_id"]], under_way[row["user_id"]])
    assert most[greedy] == cap
    assert max(most.values()) <= cap
    assert most[DEMO_USER_ID] == 0
