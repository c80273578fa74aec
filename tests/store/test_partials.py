"""Texts that are being written: seen under their lease alone."""

from uuid import UUID

import asyncpg
import pytest

from prompt_queue.jobs.job import Claim
from prompt_queue.jobs.outcome import Done, GeneratedPrompt, Released
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.rows import outcome_as_json
from prompt_queue.store.worker_store import WorkerStore
from tests.store.test_claim_and_settle import enqueue
from tests.store.test_flights import Crowd, crowd

__all__ = ["crowd"]

STORED = "select count(*) from public.prompt_partials"


class Writing:
    """A claimed job, and what is said of it."""

    def __init__(self, database: Database, row: UUID) -> None:
        self.database = database
        self.row = row
        self.store = PromptStore(database)
        self.workers = WorkerStore(database)

    async def claim(self) -> Claim:
        await enqueue(self.database, self.row)
        return (await self.store.claim(1, "w", 30))[0]

    async def note(self, claim: Claim, text: str | None) -> None:
        await self.workers.note_partials(
            [
                {
                    "job_id": str(claim.job_id),
                    "lease_token": str(claim.lease_token),
                    "partial": text,
                }
            ]
        )

    async def seen(self, claim: Claim) -> str | None:
        job = await self.store.find_job(claim.job_id)
        assert job is not None
        return job.partial_prompt

    async def stored(self) -> int:
        connection = await asyncpg.connect(self.database.dsn, statement_cache_size=0)
        try:
            return int(await connection.fetchval(STORED))
        finally:
            await connection.close()


@pytest.fixture
def writing(database: Database, demo: UUID) -> Writing:
    return Writing(database, demo)


async def test_a_text_grows_and_goes(writing: Writing) -> None:
    """Each version counts as a change of the job; nothing is left of it at the end."""
    claim = await writing.claim()
    versions = [(await writing.store.find_versions([claim.job_id]))[claim.job_id]]
    for text in ("Paint", "Paint it"):
        await writing.note(claim, text)
        assert await writing.seen(claim) == text
        versions.append((await writing.store.find_versions([claim.job_id]))[claim.job_id])
    assert len(set(versions)) == 3
    job = await writing.store.find_job(claim.job_id)
    assert job is not None
    assert (job.status, job.changed_at) == versions[-1]
    await writing.note(claim, None)
    assert await writing.seen(claim) is None
    assert await writing.stored() == 0


async def test_an_empty_text_is_nothing_to_show(writing: Writing) -> None:
    """The next model begins anew."""
    claim = await writing.claim()
    await writing.note(claim, "Paint")
    await writing.note(claim, "")
    assert await writing.seen(claim) is None


async def test_half_a_prompt_is_gone_with_its_lease(writing: Writing) -> None:
    """Handed back or taken by somebody else: what was written before is not shown again."""
    claim = await writing.claim()
    await writing.note(claim, "Paint")
    await writing.store.settle([outcome_as_json(claim, Released())])
    assert await writing.seen(claim) is None
    (again,) = await writing.store.claim(1, "w2", 30)
    assert await writing.seen(again) is None
    await writing.note(claim, "Paint it")
    assert await writing.seen(again) is None
    await writing.note(again, "Colour")
    assert await writing.seen(again) == "Colour"


async def test_the_end_of_the_job_ends_it(writing: Writing) -> None:
    """Completed or cancelled; what a killed worker left is swept up."""
    done, cancelled = await writing.claim(), await writing.claim()
    held = await writing.claim()
    for claim in (done, cancelled, held):
        await writing.note(claim, "Paint")
    await writing.store.settle(
        [outcome_as_json(done, Done(GeneratedPrompt(text="Paint it.", model="grok-4.7")))]
    )
    await writing.store.cancel(cancelled.job_id)
    assert [await writing.seen(claim) for claim in (done, cancelled, held)] == [None, None, "Paint"]
    assert await writing.workers.prune_partials() == 2
    assert await writing.stored() == 1
    await writing.note(done, "late")
    assert await writing.stored() == 1


async def test_who_waits_for_an_identical_request_sees_its_text(crowd: Crowd) -> None:
    """It will be theirs, too."""
    leader, follower, other = await crowd.claims(3)
    assert await crowd.join(leader, follower) == ["lead", "follow"]
    workers = WorkerStore(crowd.database)
    await workers.note_partials(
        [{"job_id": str(leader.job_id), "lease_token": str(leader.lease_token), "partial": "Paint"}]
    )
    found = [await crowd.store.find_job(claim.job_id) for claim in (leader, follower, other)]
    assert [job.partial_prompt for job in found if job] == ["Paint", "Paint", None]
    versions = await crowd.store.find_versions([follower.job_id])
    assert found[1] is not None
    assert versions[follower.job_id] == (found[1].status, found[1].changed_at)
