"""The outbox in SQL: who is told, in which order, and that a stale worker changes nothing."""

import asyncio
import json
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg

from prompt_queue.jobs.webhooks import Reply, WebhookClaim, WebhookOutcome, Wish
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.picture_intake import NewPictureJob, PictureIntake
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.webhook_store import WebhookStore
from tests.conftest import until

HOOK = "https://receiver.example.com/hook"
GOOD = WebhookOutcome(outcome="delivered", reply=Reply(milliseconds=3, status=204))


async def claim(outbox: WebhookStore, limit: int = 10, cap: int = 4) -> list[WebhookClaim]:
    return await outbox.claim(limit, "tester", 30, lane_cap=cap, after=str(uuid4()))


async def told(database: Database, statement: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database.dsn)
    found = await connection.fetch(statement, *arguments)
    await connection.close()
    return list(found)


async def tell(database: Database, *subjects: UUID) -> None:
    for subject in subjects:
        await told(database, "select enqueue_webhook($1, 'alert.firing', $2, '{}')",
                   DEMO_USER_ID, subject)  # fmt: skip


async def test_a_message_goes_with_its_transaction(database: Database, demo: UUID) -> None:
    """A transaction that is rolled back has told nobody."""
    outbox = WebhookStore(database)
    await outbox.create(DEMO_USER_ID, HOOK, [], None)
    connection = await asyncpg.connect(database.dsn)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(
        "insert into prompt_job_events (job_id, user_id, kind) "
        "select id, user_id, 'cancelled' from prompt_generation_jobs"
    )
    await connection.execute(
        "select enqueue_webhook($1, 'alert.firing', gen_random_uuid(), '{}')", DEMO_USER_ID
    )
    await transaction.rollback()
    await connection.close()
    assert (await outbox.outcomes())["pending"] == 0


async def test_only_the_holder_of_the_lease_settles(database: Database, demo: UUID) -> None:
    """A stale token changes nothing; what a silent worker held is sent again under its id."""
    outbox = WebhookStore(database)
    await outbox.create(DEMO_USER_ID, HOOK, [], None)
    await tell(database, uuid4())
    (first,) = await outbox.claim(1, "silent", -1, lane_cap=4, after="")
    (second,) = await claim(outbox)
    assert second.job_id == first.job_id
    (stale,) = await outbox.settle([(first, GOOD)])
    assert (stale.applied, stale.status) == (False, "sending")
    forged = replace(second, lease_token=uuid4())
    assert not (await outbox.settle([(forged, GOOD)]))[0].applied
    assert (await outbox.settle([(second, GOOD)]))[0].applied
    assert not (await outbox.settle([(second, GOOD)]))[0].applied
    assert await outbox.outcomes() == {
        "delivered": 1, "exhausted": 0, "disabled": 0, "pending": 0
    }  # fmt: skip


async def test_workers_at_once_never_hold_two_messages_of_one_subject(
    database: Database, demo: UUID
) -> None:
    """However many claim in the same moment; other subjects go on."""
    outbox = WebhookStore(database)
    await outbox.create(DEMO_USER_ID, HOOK, [], None)
    one, other = uuid4(), uuid4()
    await tell(database, one, one, other, one)
    claims = await asyncio.gather(*(claim(outbox) for _ in range(6)))
    held = [found for some in claims for found in some]
    assert sorted(found.subject for found in held) == sorted([one, other])
    (first,) = [found for found in held if found.subject == one]
    again = WebhookOutcome(outcome="retry", reply=Reply(milliseconds=1, status=500), delay=60)
    assert (await outbox.settle([(first, again)]))[0].applied
    assert await claim(outbox) == []


async def test_a_lane_is_capped_and_others_are_found_behind_it(
    database: Database, demo: UUID
) -> None:
    """Three hundred messages of one receiver do not hide the one of another."""
    outbox = WebhookStore(database)
    await outbox.create(DEMO_USER_ID, HOOK, [], None)
    await told(database, "select enqueue_webhook($1, 'alert.firing', gen_random_uuid(), '{}') "
               "from generate_series(1, 300)", DEMO_USER_ID)  # fmt: skip
    assert len(await claim(outbox, limit=50, cap=4)) == 4
    assert await claim(outbox, limit=50, cap=4) == []
    other = uuid4()
    await outbox.create(other, HOOK, [], None)
    await told(database, "select enqueue_webhook($1, 'alert.firing', gen_random_uuid(), '{}')",
               other)  # fmt: skip
    (found,) = await claim(outbox, limit=50, cap=4)
    assert found.lane not in {"", str(DEMO_USER_ID)}


async def test_a_job_of_two_pictures_is_told_once_when_both_have_ended(
    database: Database, demo: UUID
) -> None:
    """Also when two transactions end one each at the same time; the prompt has its own message."""
    created = await PictureIntake(database).create(
        NewPictureJob(
            row_id=demo, user_id=DEMO_USER_ID, generation_model="m", target_url="https://e.com/t",
            use_ai_prompt=True, count=2, metadata={"order": 7}, webhook=Wish(HOOK),
        )
    )  # fmt: skip
    store = PromptStore(database)
    (job,) = await store.claim(1, "w", 30)
    await store.settle([{"job_id": str(job.job_id), "lease_token": str(job.lease_token),
                         "outcome": "completed", "prompt": "Blue."}])  # fmt: skip
    pictures = await told(database, "select id, lease_token from claim_picture_jobs(5, 'w', 30)")
    assert len(pictures) == 2
    settle = "select settle_picture_jobs($1::jsonb)"
    outcomes = [
        json.dumps([{"picture_id": str(row["id"]), "lease_token": str(row["lease_token"]),
                     "outcome": "failed", "error": "Too dark.", "error_code": "bad_input"}])
        for row in pictures
    ]  # fmt: skip
    first, second = [await asyncpg.connect(database.dsn) for _ in range(2)]
    transaction = first.transaction()
    await transaction.start()
    await first.execute(settle, outcomes[0])
    racing = asyncio.create_task(second.execute(settle, outcomes[1]))
    waits = (
        "select count(*) from pg_locks l join pg_database d on d.oid = l.database "
        "where d.datname = current_database() and l.locktype = 'advisory' and not l.granted"
    )
    await until(lambda: first.fetchval(waits))
    assert not racing.done()
    await transaction.commit()
    await racing
    await first.close()
    await second.close()
    found = await told(database, "select * from webhook_messages order by number")
    assert [(row["type"], row["subject"]) for row in found] == [
        ("prompt.completed", created.job_id), ("image.failed", created.job_id)
    ]  # fmt: skip
    data = json.loads(found[1]["payload"])
    assert (data["metadata"], data["errorCode"]) == ({"order": 7}, "bad_input")
    assert [picture["status"] for picture in data["pictures"]] == ["failed", "failed"]
    assert [claim.subject for claim in await claim(WebhookStore(database))] == [created.job_id]


async def test_old_deliveries_are_forgotten_and_counts_stay(database: Database, demo: UUID) -> None:
    """What is open stays, however old it is."""
    outbox = WebhookStore(database)
    await outbox.create(DEMO_USER_ID, HOOK, [], None)
    await tell(database, uuid4(), uuid4())
    taken = await claim(outbox, limit=1)
    await outbox.settle([(taken[0], GOOD)])
    await told(database, "update webhook_messages set created_at = '2001-01-01', "
               "ended_at = ended_at - interval '100 days'")  # fmt: skip
    assert [row[0] for row in await told(database, "select prune_webhooks(90)")] == [1]
    counts = await outbox.outcomes()
    assert (counts["delivered"], counts["pending"]) == (1, 1)
