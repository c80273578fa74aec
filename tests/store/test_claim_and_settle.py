"""The life of a job in SQL: enqueue, claim, settle, and who may still write."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.jobs.job import Status
from prompt_queue.jobs.outcome import Done, Failed, GeneratedPrompt, Postponed, Released, Retry
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.intake import Intake, NewJob
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.rows import outcome_as_json
from prompt_queue.store.worker_store import WorkerStore
from tests.conftest import until

TARGET = "https://example.com/target.jpg"
DONE = Done(GeneratedPrompt(text="Paint the wall blue.", model="grok-4.7"))


@pytest.fixture
def store(database: Database) -> PromptStore:
    return PromptStore(database)


async def enqueue(database: Database, row: UUID, **values: object) -> UUID:
    new = NewJob(row_id=row, target_url=TARGET, user_id=DEMO_USER_ID, **values)  # type: ignore[arg-type]
    return (await Intake(database).enqueue(new)).job_id


async def test_a_job_goes_from_queued_through_processing_to_completed(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """A claimed and settled job carries its prompt, source, model and times."""
    job_id = await enqueue(database, demo)
    (claim,) = await store.claim(5, "w1", 30)
    assert (await store.find_job(job_id)).status is Status.PROCESSING
    (settled,) = await store.settle([outcome_as_json(claim, DONE)])
    assert (settled.job_id, settled.applied, settled.status) == (job_id, True, Status.COMPLETED)
    job = await store.find_job(job_id)
    assert job.generated_prompt == "Paint the wall blue."
    assert (job.source, job.model, job.error) == ("model", "grok-4.7", None)
    assert job.created_at <= job.started_at <= job.completed_at
    assert [event["kind"] for event in await store.events(job_id)] == [
        "queued",
        "claimed",
        "completed",
    ]
    assert await database.rows("place", job_id) == []


async def test_claims_go_by_priority_then_age(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """Priority 10 goes first, and within a priority the oldest."""
    ids = [await enqueue(database, demo, priority=p) for p in (1, 5, 10, 5, 10, 1)]
    claims = await store.claim(6, "w1", 30)
    assert [c.job_id for c in claims] == [ids[i] for i in (2, 4, 1, 3, 0, 5)]


async def test_concurrent_claims_never_share_a_job(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """Twenty claimers at once get sixty different jobs."""
    ids = {await enqueue(database, demo) for _ in range(60)}
    batches = await asyncio.gather(*(store.claim(3, f"w{n}", 30) for n in range(20)))
    claimed = [claim.job_id for batch in batches for claim in batch]
    assert len(claimed) == len(set(claimed))
    while more := await store.claim(10, "rest", 30):
        claimed += [claim.job_id for claim in more]
    assert sorted(claimed) == sorted(ids)


async def test_a_retry_waits_in_the_row_and_counts(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """A retry goes back to queued with a later time, is not claimable before, and burns one."""
    job_id = await enqueue(database, demo)
    (claim,) = await store.claim(1, "w1", 30)
    await store.settle([outcome_as_json(claim, Retry(60.0, "Grok is away.", "transient"))])
    job = await store.find_job(job_id)
    assert (job.status, job.retry_count, job.error) == (Status.QUEUED, 1, "Grok is away.")
    assert (await store.place(job_id)).next_attempt_at is not None
    assert await store.claim(1, "w1", 30) == []


async def test_a_due_retry_is_claimed_again(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """When its time has come, the claim itself wakes a delayed job."""
    await enqueue(database, demo)
    (claim,) = await store.claim(1, "w1", 30)
    await store.settle([outcome_as_json(claim, Retry(0.05, "later", "transient"))])

    async def claimed_again() -> object:
        return await store.claim(1, "w2", 30)

    from tests.conftest import until

    (again,) = await until(claimed_again, 5)
    assert again.job_id == claim.job_id
    assert again.lease_token != claim.lease_token


async def test_the_retry_after_the_last_one_fails_the_job(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """SQL holds the bound on retries even if a worker proposes one more."""
    job_id = await enqueue(database, demo, max_retries=0)
    (claim,) = await store.claim(1, "w1", 30)
    await store.settle([outcome_as_json(claim, Retry(0, "no luck", "transient"))])
    job = await store.find_job(job_id)
    assert (job.status, job.retry_count, job.error) == (Status.FAILED, 0, "no luck")


@pytest.mark.parametrize("outcome", [Released(), Postponed(0.0, "busy", "rate_limited")])
async def test_release_and_postponement_burn_no_attempt(
    database: Database, store: PromptStore, demo: UUID, outcome: Released | Postponed
) -> None:
    """A shutdown or a 429 gives the job back without counting a retry."""
    job_id = await enqueue(database, demo)
    (claim,) = await store.claim(1, "w1", 30)
    await store.settle([outcome_as_json(claim, outcome)])
    assert (await store.find_job(job_id)).retry_count == 0
    (again,) = await store.claim(1, "w2", 30)
    assert again.job_id == job_id


async def test_a_stale_failure_is_refused_and_logged(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """A worker that lost its lease cannot fail the job of the next one."""
    job_id = await enqueue(database, demo)
    (old,) = await store.claim(1, "w1", -1)
    assert await WorkerStore(database).free_expired_leases() == 1
    (new,) = await store.claim(1, "w2", 30)
    (settled,) = await store.settle([outcome_as_json(old, Failed("late", "late"))])
    assert (settled.applied, settled.status) == (False, Status.PROCESSING)
    assert [e["kind"] for e in await store.events(job_id)][-1] == "stale_write_refused"
    (settled,) = await store.settle([outcome_as_json(new, DONE)])
    assert settled.applied


async def test_a_stale_success_is_salvaged_while_the_job_is_open(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """A paid answer that comes late counts once, and the newer worker is told that it lost."""
    job_id = await enqueue(database, demo)
    (old,) = await store.claim(1, "w1", -1)
    await WorkerStore(database).free_expired_leases()
    (new,) = await store.claim(1, "w2", 30)
    (first,) = await store.settle([outcome_as_json(old, DONE)])
    assert first.applied
    second_answer = Done(GeneratedPrompt(text="Another prompt.", model="grok-4.7"))
    (second,) = await store.settle([outcome_as_json(new, second_answer)])
    assert not second.applied
    assert (await store.find_job(job_id)).generated_prompt == "Paint the wall blue."
    held = await database.rows("heartbeat", [new.job_id], [new.lease_token], 30.0)
    assert held == []


async def test_a_success_for_a_final_job_is_refused(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """A cancelled job stays cancelled, whatever comes in later."""
    job_id = await enqueue(database, demo)
    (claim,) = await store.claim(1, "w1", 30)
    receipt = await store.cancel(job_id, DEMO_USER_ID)
    assert (receipt.outcome, receipt.call_in_flight) == ("cancelled", False)
    (settled,) = await store.settle([outcome_as_json(claim, DONE)])
    assert (settled.applied, settled.status) == (False, Status.CANCELLED)
    assert (await store.cancel(job_id)).outcome == "already_cancelled"


async def test_three_lost_leases_set_the_job_aside(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """A job that stops three workers fails with its own code instead of a fourth try."""
    job_id = await enqueue(database, demo)
    for _ in range(3):
        assert len(await store.claim(1, "w", -1)) == 1
        assert await WorkerStore(database).free_expired_leases() == 1
    job = await store.find_job(job_id)
    assert (job.status, job.error_code, job.retry_count) == (Status.FAILED, "worker_died", 0)
    assert await store.claim(1, "w", 30) == []


async def test_a_live_lease_is_not_freed(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """A heartbeat with the current token keeps the job; a wrong token does not."""
    await enqueue(database, demo)
    (claim,) = await store.claim(1, "w", -1)
    held = await database.rows("heartbeat", [claim.job_id], [claim.lease_token], 60.0)
    assert [row["job_id"] for row in held] == [claim.job_id]
    assert await database.rows("heartbeat", [claim.job_id], [uuid4()], 60.0) == []
    assert await WorkerStore(database).free_expired_leases() == 0


async def test_a_failed_job_can_be_retried_and_a_completed_one_cannot(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """retry_prompt_job reopens failed jobs with all their retries; others are left alone."""
    job_id = await enqueue(database, demo)
    (claim,) = await store.claim(1, "w", 30)
    await store.settle([outcome_as_json(claim, Failed("broken", "invalid_input"))])
    assert await store.retry(job_id, uuid4(), "somebody") == "not_found"
    assert await store.retry(job_id, DEMO_USER_ID, "tester") == "retried"
    (claim,) = await store.claim(1, "w", 30)
    await store.settle([outcome_as_json(claim, DONE)])
    assert await store.retry(job_id, DEMO_USER_ID, "tester") == "not_failed"


async def test_the_ledger_refuses_a_call_without_the_current_lease(
    database: Database, store: PromptStore, demo: UUID
) -> None:
    """An intent needs the lease, and too many sends without an answer end the spending."""
    job_id = await enqueue(database, demo, max_retries=1)
    (claim,) = await store.claim(1, "w", 30)

    def call(token: UUID) -> dict[str, str]:
        return {
            "call_id": str(uuid4()),
            "job_id": str(job_id),
            "lease_token": str(token),
            "model": "grok-4.7",
        }

    (ruling,) = (await store.begin_calls([call(uuid4())])).values()
    assert ruling.verdict == "lease_lost"
    for verdict in ("granted", "granted", "outcome_unknown"):
        (ruling,) = (await store.begin_calls([call(claim.lease_token)])).values()
        assert ruling.verdict == verdict
    assert len(await store.calls(job_id)) == 2


@pytest.mark.parametrize(
    "outcome", [Retry(5.0, "Grok is down.", "down"), Postponed(5.0, "Grok is busy.", "busy")]
)
async def test_a_job_has_a_time_limit(
    database: Database, store: PromptStore, demo: UUID, outcome: Retry | Postponed
) -> None:
    """A pause within it is kept; one that ends after it fails the job, with its reason."""
    job_id = await enqueue(database, demo)
    await store.configure(job_seconds=60)
    (claim,) = await store.claim(1, "w1", 30)
    (settled,) = await store.settle([outcome_as_json(claim, replace(outcome, delay=0.0))])
    assert settled.status is Status.QUEUED
    await store.configure(job_seconds=4)
    (claim,) = await store.claim(1, "w1", 30)
    for applied in (True, False):
        (settled,) = await store.settle([outcome_as_json(claim, outcome)])
        assert (settled.applied, settled.status) == (applied, Status.FAILED)
    job = await store.find_job(job_id)
    assert (job.error, job.error_code) == (outcome.error, outcome.code)
    kinds = [event["kind"] for event in await store.events(job_id)]
    assert kinds[-2:] == ["claimed", "failed"]
    await store.retry(job_id, None, "test")
    (claim,) = await store.claim(1, "w1", 30)
    (settled,) = await store.settle([outcome_as_json(claim, replace(outcome, delay=1.0))])
    assert settled.status is Status.QUEUED


async def test_a_job_that_came_during_a_claim_is_told_to_its_worker(
    database: Database, store: PromptStore, demo: UUID, database_url: str
) -> None:
    """A claim that gives out what its statement could not see at its beginning says so."""
    await store.configure(user_in_flight_cap=5)
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    try:
        async with connection.transaction():
            await connection.execute(
                "select pg_advisory_xact_lock(hashtextextended('prompt_queue.cap', 0))"
            )
            claiming = asyncio.create_task(store.claim(1, "w1", 30))
            await until(lambda: connection.fetchval(waits))
            job_id = await enqueue(database, demo)
        (claim,) = await claiming
    finally:
        await connection.close()
    assert claim.job_id == job_id
