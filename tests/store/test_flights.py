"""Identical requests: one asks, the others wait for it, and what was paid for is given again."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from prompt_queue.jobs.job import Claim, Source
from prompt_queue.jobs.outcome import Done, Failed, GeneratedPrompt, Outcome
from prompt_queue.store.database import Database
from prompt_queue.store.flight_store import FlightStore
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.rows import outcome_as_json
from tests.store.test_claim_and_settle import enqueue

SCOPE, OTHER = uuid4(), uuid4()
DONE = Done(GeneratedPrompt(text="Paint it.", model="grok-4.7", strategy="generate-1"))


class Crowd:
    """Jobs that ask the same."""

    def __init__(self, database: Database, row: UUID) -> None:
        self.database = database
        self.row = row
        self.store = PromptStore(database)
        self.flights = FlightStore(database)

    async def claims(self, count: int) -> list[Claim]:
        for _ in range(count):
            await enqueue(self.database, self.row)
        return await self.store.claim(count, "w", 30)

    async def join(
        self, *claims: Claim, key: str = "k", scope: UUID = SCOPE, refresh: bool = False
    ) -> list[str]:
        joined = await self.flights.join(
            [
                {"job_id": str(c.job_id), "lease_token": str(c.lease_token), "scope": str(scope),
                 "key": key, "refresh": refresh}
                for c in claims
            ]
        )  # fmt: skip
        return [joined[claim.job_id].verdict for claim in claims]

    async def settle(self, claim: Claim, outcome: Outcome = DONE, seconds: float = 60) -> None:
        values = outcome_as_json(claim, outcome)
        values["cache"] = {"scope": str(SCOPE), "key": "k", "seconds": seconds}
        (settled,) = await self.store.settle([values])
        assert settled.applied

    async def statuses(self, claims: Sequence[Claim]) -> set[str]:
        found = [await self.store.find_job(claim.job_id) for claim in claims]
        return {job.status for job in found if job is not None}


@pytest.fixture
def crowd(database: Database, demo: UUID) -> Crowd:
    return Crowd(database, demo)


async def test_one_leads_and_the_others_follow(crowd: Crowd) -> None:
    """Whoever follows is queued again, holds no lease and is not claimed."""
    leader, *others = await crowd.claims(4)
    assert await crowd.join(leader) == ["lead"]
    assert await crowd.join(*others) == ["follow"] * 3
    assert await crowd.join(leader) == ["lead"]
    assert await crowd.store.heartbeat({c.job_id: c.lease_token for c in others}, 30) == set()
    assert await crowd.store.claim(9, "w", 30) == []
    assert await crowd.statuses(others) == {"queued"}
    assert await crowd.statuses([leader]) == {"processing"}


async def test_of_many_at_once_exactly_one_leads(crowd: Crowd) -> None:
    """In one group and in several."""
    claims = await crowd.claims(12)
    groups = [claims[n : n + 3] for n in range(0, 12, 3)]
    verdicts = await asyncio.gather(*(crowd.join(*group) for group in groups))
    flat = sorted(word for group in verdicts for word in group)
    assert flat == ["follow"] * 11 + ["lead"]


async def test_the_end_of_the_leader_answers_everybody(crowd: Crowd) -> None:
    """Followers are claimed at once and find the prompt; so does a request that comes later."""
    leader, *others = await crowd.claims(3)
    await crowd.join(leader, *others)
    await crowd.settle(leader)
    again = await crowd.store.claim(9, "w", 30)
    assert {claim.job_id for claim in again} == {claim.job_id for claim in others}
    (late,) = await crowd.claims(1)
    joined = await crowd.flights.join(
        [{"job_id": str(late.job_id), "lease_token": str(late.lease_token), "scope": str(SCOPE),
          "key": "k", "refresh": False}]
    )  # fmt: skip
    known = joined[late.job_id]
    assert (known.verdict, known.prompt, known.model, known.strategy) == (
        "hit", "Paint it.", "grok-4.7", "generate-1",
    )  # fmt: skip
    assert await crowd.join(*again) == ["hit", "hit"]
    cached = GeneratedPrompt(text="Paint it.", model="grok-4.7", source=Source.CACHE)
    await crowd.store.settle([outcome_as_json(claim, Done(cached)) for claim in again])
    job = await crowd.store.find_job(again[0].job_id)
    assert job is not None
    assert (job.source, job.model) == ("cache", "grok-4.7")


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
async def test_where_the_leader_brings_nothing_a_follower_takes_over(
    crowd: Crowd, ending: str
) -> None:
    """One of them leads, the others follow again."""
    leader, *others = await crowd.claims(3)
    await crowd.join(leader, *others)
    if ending == "failed":
        await crowd.store.settle([outcome_as_json(leader, Failed("It broke.", "invalid_input"))])
    else:
        await crowd.store.cancel(leader.job_id)
    again = await crowd.store.claim(9, "w", 30)
    assert len(again) == 2
    assert sorted(await crowd.join(*again)) == ["follow", "lead"]


async def test_what_is_refused_for_safety_is_refused_to_all_who_wait(crowd: Crowd) -> None:
    """With the same sentence, in the same moment: asking again would be charged again."""
    leader, *others = await crowd.claims(3)
    await crowd.join(leader, *others)
    await crowd.store.settle([outcome_as_json(leader, Failed("Not this.", "refused"))])
    for claim in others:
        job = await crowd.store.find_job(claim.job_id)
        assert job is not None
        assert (job.status, job.error, job.error_code) == ("failed", "Not this.", "refused")
        assert await crowd.store.retry(claim.job_id, None, "test") == "retried"
    assert len(await crowd.store.claim(9, "w", 30)) == 2


async def test_a_follower_goes_its_own_way(crowd: Crowd) -> None:
    """Its cancel concerns nobody else."""
    leader, follower = await crowd.claims(2)
    await crowd.join(leader, follower)
    receipt = await crowd.store.cancel(follower.job_id)
    assert receipt.outcome == "cancelled"
    await crowd.settle(leader)
    assert await crowd.store.claim(9, "w", 30) == []


async def test_scopes_keys_and_refreshing_requests_do_not_meet(crowd: Crowd) -> None:
    """Another user asks and pays alone, and so does whoever wants a new answer."""
    leader, stranger, different, fresh = await crowd.claims(4)
    assert await crowd.join(leader) == ["lead"]
    assert await crowd.join(stranger, scope=OTHER) == ["lead"]
    assert await crowd.join(different, key="another") == ["lead"]
    assert await crowd.join(fresh, refresh=True) == ["lead"]
    await crowd.settle(leader)
    one, two = await crowd.claims(2)
    assert await crowd.join(one, scope=OTHER) == ["follow"]
    assert await crowd.join(two, refresh=True) == ["lead"]


async def test_what_is_too_old_is_asked_anew(crowd: Crowd) -> None:
    """And the new answer is kept in its place."""
    first, second, third = await crowd.claims(3)
    await crowd.join(first)
    await crowd.settle(first, seconds=0)
    assert await crowd.join(second) == ["lead"]
    await crowd.settle(second, Done(GeneratedPrompt(text="Newer.", model="grok-4.6")))
    assert await crowd.join(third) == ["hit"]


async def test_who_has_lost_the_lease_joins_nothing(crowd: Crowd) -> None:
    """The job is in other hands."""
    (claim,) = await crowd.claims(1)
    await crowd.store.cancel(claim.job_id)
    assert await crowd.join(claim) == ["lease_lost"]
    (next_one,) = await crowd.claims(1)
    assert await crowd.join(next_one) == ["lead"]
