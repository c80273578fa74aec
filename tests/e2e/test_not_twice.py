"""What is asked twice is paid for once; and nobody learns what others ask."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID, uuid4

from prompt_queue.testing import PictureServer, StandIn
from tests.conftest import until
from tests.e2e.conftest import StackFactory
from tests.e2e.crowd import new_users
from tests.e2e.stack import Stack, wait_for
from tests.photographs import plain

AS_ANOTHER = """
insert into public.prompt_generation_jobs (id, row_id, model_id, user_id, target_url)
select $1, row_id, model_id, $2, target_url from public.prompt_generation_jobs where id = $3
"""


def fifty(stack: Stack, url: str) -> list[str]:
    with ThreadPoolExecutor(25) as pool:
        return list(pool.map(lambda _: stack.enqueue(url), range(50)))


def prompts(stack: Stack, ids: list[str]) -> tuple[set[str], list[str]]:
    """The prompts of the jobs, and the sources that they name, sorted."""
    jobs = [stack.final(job_id) for job_id in ids]
    assert {job["status"] for job in jobs} == {"completed"}
    return {job["generatedPrompt"] for job in jobs}, sorted({job["source"] for job in jobs})


def the_only_one_at_work(stack: Stack, ids: list[str]) -> str | None:
    """A follower is at work too for the moment in which it learns that another asks already."""
    at_work = [i for i in ids if stack.job(i)["status"] == "processing"]
    return at_work[0] if len(at_work) == 1 else None


async def source_of(stack: Stack, job_id: UUID) -> str | None:
    """Where its prompt comes from, once it is there."""
    query = "select source from public.prompt_generation_jobs where id = $1"
    found: str | None = (await stack.sql(query, job_id))[0][0]
    return found


def test_fifty_identical_posts_cost_one_call(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """On two workers; each has its own id, and a later one finds it at once."""
    xai_stand_in.settings(latency_seconds=1.5)
    stack = make_stack(workers=2, cache_seconds=600)
    url = picture_server.add("t.png", plain("teal"))
    ids = fifty(stack, url)
    assert len(set(ids)) == 50
    words, sources = prompts(stack, ids)
    assert (len(words), sources) == (1, ["cache", "model"])
    assert len(xai_stand_in.calls()) == 1
    late = stack.final(stack.enqueue(url))
    assert (late["source"], late["generatedPrompt"]) == ("cache", words.pop())
    assert len(xai_stand_in.calls()) == 1
    for use, calls in (("refresh", 2), ("off", 3), ("use", 3)):
        assert stack.final(stack.enqueue(url, cache=use))["status"] == "completed"
        assert len(xai_stand_in.calls()) == calls


def test_the_worker_of_the_leader_dies_and_it_is_still_one_prompt(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """One more call at most: the one that nobody heard the end of."""
    xai_stand_in.script({"fault": "hang", "seconds": 60})
    stack = make_stack(workers=2, lease_seconds=2, cache_seconds=600)
    ids = fifty(stack, picture_server.add("t.png", plain("teal")))
    wait_for(xai_stand_in.calls, 10, "the provider was asked")
    for worker in stack.running("work"):
        worker.kill()
    words, _ = prompts(stack, ids)
    assert len(words) == 1
    assert len(xai_stand_in.calls()) == 2


def test_the_leader_is_cancelled_and_another_asks(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """The others do not notice."""
    xai_stand_in.script({"fault": "hang", "seconds": 60})
    stack = make_stack(workers=2, lease_seconds=2, cache_seconds=600)
    ids = fifty(stack, picture_server.add("t.png", plain("teal")))
    wait_for(xai_stand_in.calls, 10, "the provider was asked")
    leader = wait_for(lambda: the_only_one_at_work(stack, ids), 20, "one asks, the others wait")
    assert stack.request("DELETE", f"/api/prompt/queue/{leader}").status in {200, 204}
    words, _ = prompts(stack, [i for i in ids if i != leader])
    assert len(words) == 1
    assert len(xai_stand_in.calls()) == 2
    assert stack.job(leader)["status"] == "cancelled"


def test_a_refusal_is_paid_for_once(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Fifty ask, one is charged, all are told why."""
    xai_stand_in.settings(latency_seconds=1.5)
    xai_stand_in.script({"fault": "safety", "phase": "after", "times": -1})
    stack = make_stack(workers=2, cache_seconds=600)
    jobs = [stack.final(i) for i in fifty(stack, picture_server.add("t.png", plain("teal")))]
    assert {(job["status"], job["errorCode"]) for job in jobs} == {("failed", "refused")}
    assert len({job["error"] for job in jobs}) == 1
    assert len(xai_stand_in.calls()) == 1


async def test_two_users_pay_separately_unless_the_operator_shares(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """By default nothing tells one that the other has asked."""
    for shared, calls in (("false", 2), ("true", 3)):
        stack = make_stack(cache_seconds=600, cache_shared=shared)
        url = picture_server.add(f"{shared}.png", plain("teal" if shared == "true" else "red"))
        mine = stack.enqueue(url)
        assert stack.final(mine)["source"] == "model"
        (user,) = await new_users(stack, 1)
        theirs = uuid4()
        await stack.sql(AS_ANOTHER, theirs, user, mine)

        found = await until(partial(source_of, stack, theirs), every=0.1)
        assert found == ("cache" if shared == "true" else "model")
        assert len(xai_stand_in.calls()) == calls
        stack.down()
