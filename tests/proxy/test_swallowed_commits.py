"""The line is cut just before or just after a commit, and the client tries again."""

from uuid import UUID, uuid4

import pytest
from lab.proxy.postgres import PostgresProxy, When

from prompt_queue.jobs.job import Claim, Status
from prompt_queue.jobs.outcome import Done, Failed, GeneratedPrompt
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.database import Database, DatabaseUnavailable
from prompt_queue.store.intake import IdempotencyKey, Intake, NewJob, Reply
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.rows import outcome_as_json
from prompt_queue.store.worker_store import WorkerStore
from tests.conftest import until
from tests.proxy.conftest import enqueue, kinds

DONE = Done(GeneratedPrompt(text="Paint the wall blue.", model="grok-4.7"))
both_sides = pytest.mark.parametrize("when", list(When), ids=lambda when: when.name.lower())


async def claimed(database: Database, row: UUID) -> Claim:
    """A new job that a worker has just taken."""
    await enqueue(database, row)
    (claim,) = await PromptStore(database).claim(1, "w1", 30)
    return claim


async def test_a_claim_whose_answer_is_lost_is_freed_when_its_lease_ends(
    database: Database, proxy: PostgresProxy, store: PromptStore, demo: UUID
) -> None:
    """The repeated claim finds nothing, the lease expires, and the next worker gets the job."""
    job_id = await enqueue(database, demo)
    trap = proxy.trap("claim_prompt_jobs", When.AFTER)
    assert await store.claim(1, "w1", 0.3) == []
    assert (trap.sprung, trap.reply) == (True, "SELECT 1")

    async def freed() -> int:
        return await WorkerStore(database).free_expired_leases()

    assert await until(freed, 5) == 1
    (claim,) = await store.claim(1, "w2", 30)
    assert (claim.job_id, claim.retry_count) == (job_id, 0)


async def test_a_claim_that_never_arrived_took_nothing(
    database: Database, proxy: PostgresProxy, store: PromptStore, demo: UUID
) -> None:
    """The repeated claim gets the job, which was claimed once."""
    job_id = await enqueue(database, demo)
    trap = proxy.trap("claim_prompt_jobs", When.BEFORE)
    (claim,) = await store.claim(1, "w1", 30)
    assert trap.sprung
    assert claim.job_id == job_id
    assert await kinds(database, job_id) == ["queued", "claimed"]


@both_sides
async def test_an_intent_is_written_once_and_granted(
    database: Database, proxy: PostgresProxy, store: PromptStore, demo: UUID, when: When
) -> None:
    """The same call id makes one ledger row, whichever side of the commit the line broke on."""
    claim = await claimed(database, demo)
    call_id = uuid4()
    intent = {"call_id": str(call_id), "job_id": str(claim.job_id), "model": "grok-4.7"}
    trap = proxy.trap("begin_provider_calls", when)
    rulings = await store.begin_calls([intent | {"lease_token": str(claim.lease_token)}])
    assert trap.sprung
    assert {key: ruling.verdict for key, ruling in rulings.items()} == {call_id: "granted"}
    assert [call["call_id"] for call in await store.calls(claim.job_id)] == [call_id]


@both_sides
async def test_a_prompt_is_settled_once(
    database: Database, proxy: PostgresProxy, store: PromptStore, demo: UUID, when: When
) -> None:
    """The answer names the true status; a repeated outcome leaves no word of a stale write."""
    claim = await claimed(database, demo)
    trap = proxy.trap("settle_prompt_jobs", when)
    (settled,) = await store.settle([outcome_as_json(claim, DONE)])
    assert trap.sprung
    assert (settled.applied, settled.status) == (when is When.BEFORE, Status.COMPLETED)
    job = await store.find_job(claim.job_id)
    assert job is not None
    assert job.generated_prompt == "Paint the wall blue."
    assert (await kinds(database, claim.job_id))[-2:] == ["claimed", "completed"]


@both_sides
async def test_a_cancelled_job_stays_cancelled(
    database: Database, proxy: PostgresProxy, store: PromptStore, demo: UUID, when: When
) -> None:
    """The repeated cancel says that it was done already, or does it."""
    job_id = await enqueue(database, demo)
    trap = proxy.trap("cancel_prompt_job", when)
    receipt = await store.cancel(job_id, DEMO_USER_ID)
    assert trap.sprung
    assert receipt.outcome == ("cancelled" if when is When.BEFORE else "already_cancelled")
    assert receipt.status is Status.CANCELLED
    assert await kinds(database, job_id) == ["queued", "cancelled"]


@both_sides
async def test_a_failed_job_is_reopened_once(
    database: Database, proxy: PostgresProxy, store: PromptStore, demo: UUID, when: When
) -> None:
    """After a lost answer the job is in the queue, and the repeated retry changes nothing."""
    claim = await claimed(database, demo)
    await store.settle([outcome_as_json(claim, Failed("Too dark.", "invalid_input"))])
    trap = proxy.trap("retry_prompt_job", when)
    outcome = await store.retry(claim.job_id, DEMO_USER_ID, "tester")
    assert trap.sprung
    assert outcome == ("retried" if when is When.BEFORE else "not_failed")
    job = await store.find_job(claim.job_id)
    assert job is not None
    assert job.status is Status.QUEUED
    assert (await kinds(database, claim.job_id)).count("retried") == 1


@both_sides
async def test_an_idempotency_key_makes_one_job(
    database: Database, proxy: PostgresProxy, proxied: Database, demo: UUID, when: When
) -> None:
    """The client that was told nothing repeats its request, and there is one job."""
    intake = Intake(proxied)
    job = NewJob(row_id=demo, target_url="https://example.com/a.jpg", user_id=DEMO_USER_ID)
    key = IdempotencyKey(user_id=DEMO_USER_ID, key="once", fingerprint=b"same")
    trap = proxy.trap("^commit", when)
    with pytest.raises(DatabaseUnavailable):
        await intake.enqueue(job, key, lambda job_id, _: Reply(response={"id": str(job_id)}))
    assert (trap.sprung, trap.reply) == (True, "" if when is When.BEFORE else "COMMIT")
    again = await intake.enqueue(job, key, lambda job_id, _: Reply(response={"id": str(job_id)}))
    assert again.replayed == (when is When.AFTER)
    assert again.response == {"id": str(again.job_id)}
    assert (await PromptStore(database).stats()).total_queued == 1
    assert await kinds(database, again.job_id) == ["queued"]
