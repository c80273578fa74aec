"""What was acknowledged survives, whatever is killed, and nothing is left behind."""

import signal
import sys
import time

from prompt_queue.testing import PictureServer, StandIn
from tests.e2e.conftest import StackFactory
from tests.e2e.stack import Stack, wait_for
from tests.photographs import plain

LIKE_MAKE = (sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])")


async def test_two_hundred_jobs_are_claimed_in_order_and_paid_once(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """200 jobs of mixed priority, 2 workers: the provider's log and the table agree."""
    xai_stand_in.settings(latency_seconds=0.5)
    stack = make_stack(workers=2, concurrency=10)
    url = picture_server.add("t.png", plain("teal"))
    for n in range(200):
        stack.enqueue(url, priority=1 + n % 10)
    wait_for(
        lambda: stack.get("/api/prompt/queue").body["totalCompleted"] == 200, 60, "200 completed"
    )
    calls = xai_stand_in.calls()
    assert [call["status"] for call in calls] == [200] * 200
    paid = await stack.sql("select job_id, state, http_status from provider_calls")
    assert len({row["job_id"] for row in paid}) == len(paid) == 200
    assert {(row["state"], row["http_status"]) for row in paid} == {("answered", 200)}
    claims = await stack.sql(
        "select job_id, count(*) as times from prompt_job_events where kind = 'claimed' group by 1"
    )
    assert {row["times"] for row in claims} == {1}
    waiting_and_more_urgent = await stack.sql(
        "with lives as (select j.priority, q.id as queued, c.id as claimed "
        "from prompt_generation_jobs j "
        "join prompt_job_events q on q.job_id = j.id and q.kind = 'queued' "
        "join prompt_job_events c on c.job_id = j.id and c.kind = 'claimed') "
        "select count(*) as jumped from lives a join lives b on a.claimed < b.claimed "
        "and b.queued < a.queued and (b.priority > a.priority or b.priority = a.priority)"
    )
    # Two workers claim side by side: events of one claim may get their numbers a little later.
    assert waiting_and_more_urgent[0]["jumped"] <= 20


async def test_fifty_jobs_survive_kill_9_of_everything(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Everything is killed in the middle of 50 jobs; after `up` each completes, once."""
    xai_stand_in.settings(latency_seconds=0.3)
    stack = make_stack(concurrency=4, lease_seconds=2)
    url = picture_server.add("t.png", plain("teal"))
    ids = [stack.enqueue(url) for _ in range(50)]
    wait_for(
        lambda: stack.get("/api/prompt/queue").body["totalCompleted"] >= 15, 30, "in the middle"
    )
    assert stack.kill_everything() >= 5
    stack.up()
    jobs = [stack.final(job_id) for job_id in ids]
    assert {job["status"] for job in jobs} == {"completed"}
    results = await stack.sql(
        "select job_id, count(*) as results from prompt_job_events where kind = 'completed' "
        "group by job_id"
    )
    assert len(results) == 50
    assert {row["results"] for row in results} == {1}


def test_killing_the_supervisor_leaves_nothing_behind(make_stack: StackFactory) -> None:
    """After kill -9 of `up` alone, everything it started ends, and the next `up` works at once."""
    stack = make_stack()
    stack.kill_up()
    wait_for(lambda: not stack.processes(), 15, "everything has ended")
    stack.up()
    assert stack.get("/api/health/live").status == 200


def test_killing_make_ends_what_make_up_started() -> None:
    """`up` under make goes when make is killed with -9, and takes everything along."""
    stack = Stack({"MAKELEVEL": "1"}, launcher=LIKE_MAKE)
    try:
        stack.up()
        stack.kill_up()
        wait_for(lambda: not stack.processes(), 15, "everything has ended")
    finally:
        stack.close()


def test_the_next_up_does_not_wait_for_orphans(make_stack: StackFactory) -> None:
    """`up` right after kill -9 of `up`, on the same port and directory, is served."""
    stack = make_stack()
    stack.kill_up()
    stack.up()
    assert stack.get("/api/health/ready").status == 200


def test_ctrl_c_stops_everything_cleanly(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """A running job is finished, the exit code is 0, and no process is left."""
    xai_stand_in.settings(latency_seconds=1)
    stack = make_stack()
    stack.enqueue(picture_server.add("t.png", plain("teal")))
    wait_for(xai_stand_in.calls, 10, "the provider was asked")
    assert stack.down(signal.SIGINT) == 0, stack.log
    wait_for(lambda: not stack.processes(), 5, "everything has ended")
    assert "Traceback" not in stack.log
    stack.up()
    assert stack.get("/api/prompt/queue").body["totalCompleted"] == 1


def test_up_without_a_key_brings_a_stand_in_that_says_so() -> None:
    """The demo works with nothing configured, and everything about it is labelled."""
    stack = Stack()
    try:
        begun = time.monotonic()
        stack.up()
        assert time.monotonic() - begun < 60
        base = stack.base
        job = stack.final(
            stack.enqueue(f"{base}/samples/astronaut.jpg", refUrls=[f"{base}/samples/coffee.jpg"])
        )
        assert (job["status"], job["standIn"]) == ("completed", True)
        assert job["model"].startswith("stand-in:")
        assert "STAND-IN" in stack.log
        assert stack.get("/api/health").body["standIn"] is True
    finally:
        stack.close()
