"""A band of priorities is paused: its jobs stay where they are, and nobody else waits for them."""

from uuid import UUID

import asyncpg
import pytest

from prompt_queue.api.ops_views import priority_pauses
from prompt_queue.settings import DEMO_MODEL_ID, DEMO_USER_ID
from prompt_queue.store.database import Database, DatabaseRefused, queries
from prompt_queue.store.operator_store import OperatorStore
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.worker_store import WorkerStore
from tests.store.test_plans import CLAIM, POSITION, crowded, touched

__all__ = ["crowded"]

PLAIN = (
    "insert into prompt_generation_jobs (row_id, model_id, user_id, target_url, priority) "
    "values ($1, $2, $3, 'https://e.com/t', $4) returning id"
)
PICTURE = (
    "insert into picture_jobs (id, job_id, user_id, status, target_url, generation_model, prompt, "
    "due_at, priority) values (gen_random_uuid(), gen_random_uuid(), $1, 'queued', "
    "'https://e.com/t', 'm', 'Blue.', now(), $2)"
)


async def insert(database: Database, demo: UUID, priority: int) -> UUID:
    """A plain INSERT, as clients of the mission's table make it."""
    async with database.transaction() as transaction:
        row = await transaction._connection.fetchrow(
            PLAIN, demo, DEMO_MODEL_ID, DEMO_USER_ID, priority
        )
    found: UUID = row["id"]
    return found


async def test_a_paused_band_is_passed_over_and_goes_on(database: Database, demo: UUID) -> None:
    """Rows from before and after the pause wait, others are claimed, and running ones end."""
    store, operator = PromptStore(database), OperatorStore(database)
    running = await insert(database, demo, 9)
    (claim,) = await store.claim(1, "w", 30)
    before = await insert(database, demo, 8)
    assert await operator.pause(None, "too many", "test", (7, 9))
    after = await insert(database, demo, 7)
    low = await insert(database, demo, 1)
    assert [one.job_id for one in await store.claim(10, "w", 30)] == [low]
    assert await store.claim(10, "w", 30) == []
    done = {"job_id": str(running), "lease_token": str(claim.lease_token),
            "outcome": "completed", "prompt": "Blue."}  # fmt: skip
    (settled,) = await store.settle([done])
    assert settled.applied
    assert await operator.resume(None, "test", (7, 9))
    assert {one.job_id for one in await store.claim(10, "w", 30)} == {before, after}


async def test_pauses_of_bands_add_up_and_may_be_repeated(database: Database) -> None:
    """Neighbours of one act are one range; what was paused before keeps its reason."""
    operator = OperatorStore(database)
    assert await operator.pause(None, "first", "me", (1, 3))
    assert not await operator.pause(None, "again", "you", (2, 3))
    assert await operator.pause(None, "more", "you", (3, 5))
    ranges = priority_pauses(await operator.paused_priorities())
    assert [(one.from_, one.to, one.reason) for one in ranges] == [(1, 3, "first"), (4, 5, "more")]
    assert await operator.resume(None, "me", (2, 2))
    assert not await operator.resume(None, "me", (2, 2))
    ranges = priority_pauses(await operator.paused_priorities())
    assert [(one.from_, one.to) for one in ranges] == [(1, 1), (3, 3), (4, 5)]


@pytest.mark.parametrize("wrong", [(0, 3), (3, 1), (1, 11)])
async def test_what_is_no_band_is_refused(database: Database, wrong: tuple[int, int]) -> None:
    """Instead of pausing something else."""
    with pytest.raises(DatabaseRefused, match="priorities from 1 to 10"):
        await OperatorStore(database).pause(None, None, "test", wrong)


async def test_pictures_of_a_paused_band_are_not_bought(database: Database) -> None:
    """Those of other priorities are, the most urgent first, and workers do not come for nothing."""
    operator, workers = OperatorStore(database), WorkerStore(database)
    async with database.transaction() as transaction:
        for priority in (9, 5, 4, 2):
            await transaction._connection.execute(PICTURE, DEMO_USER_ID, priority)
    await operator.pause(None, None, "test", (5, 9))
    claim = "select p.priority from claim_picture_jobs($1, 'w', 30) p"
    async with database.transaction() as transaction:
        taken = await transaction._connection.fetch(claim, 1)
        assert [row["priority"] for row in taken] == [4]
        taken = await transaction._connection.fetch(claim, 10)
        assert [row["priority"] for row in taken] == [2]
    assert not (await workers.look_after()).something_to_claim
    await operator.resume(None, "test", (9, 9))
    assert (await workers.look_after()).pictures
    async with database.transaction() as transaction:
        taken = await transaction._connection.fetch(claim, 10)
    assert [row["priority"] for row in taken] == [9]


async def test_a_paused_band_gives_workers_no_reason_to_come(
    database: Database, demo: UUID
) -> None:
    """Else each poll would be followed by a claim that finds nothing."""
    operator, workers = OperatorStore(database), WorkerStore(database)
    await insert(database, demo, 2)
    await operator.pause(None, None, "test", (1, 3))
    assert not (await workers.look_after()).something_to_claim
    await insert(database, demo, 4)
    assert (await workers.look_after()).waiting


async def test_nobody_stands_behind_a_paused_band(database: Database, demo: UUID) -> None:
    """The position counts who is really served first."""
    store, operator = PromptStore(database), OperatorStore(database)
    for priority in (10, 9, 6):
        await insert(database, demo, priority)
    last = await insert(database, demo, 5)
    place = await store.place(last)
    assert place is not None
    assert place.ahead == 3
    await operator.pause(None, None, "test", (9, 10))
    place = await store.place(last)
    assert place is not None
    assert place.ahead == 1


async def test_a_paused_band_makes_no_claim_slower(crowded: asyncpg.Connection) -> None:
    """Its lane is not looked at: claims, looks and positions read a handful of rows."""
    await crowded.execute("select pause_prompt_queue(null, null, 'test', 6, 10)")
    await crowded.execute(
        "insert into picture_jobs (id, job_id, user_id, status, target_url, generation_model, "
        "prompt, due_at, priority) select gen_random_uuid(), gen_random_uuid(), $1, 'queued', "
        "'https://e.com/t', 'm', 'Blue.', now(), 1 + n % 10 from generate_series(1, 30000) n",
        DEMO_USER_ID,
    )
    # The best place of a lane that is open, and the last of all.
    first, last = [
        await crowded.fetchval(
            f"select job_id from prompt_job_queue where priority <= 5 order by {order} limit 1"
        )
        for order in ("priority desc, claim_key", "priority, claim_key desc")
    ]
    for fresh in (False, True):
        if fresh:
            await crowded.execute("vacuum analyze prompt_job_queue, picture_jobs")
        for statement, arguments, most in (
            (CLAIM, (), 40),
            (queries()["look_after"], (), 30),
            ("select id from claim_picture_jobs(3, 'planner', 30)", (), 60),
            (POSITION, (first,), 400),
            (POSITION, (last,), 1_100),
        ):
            scans, rows = await touched(crowded, statement, *arguments)
            assert (scans, rows <= most) == (0, True), (statement, scans, rows, fresh)
