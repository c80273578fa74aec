"""A result reaches its receiver: signed, in order, again after a failure, and never elsewhere."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
from aiohttp import web

from prompt_queue.jobs.webhooks import DeliveryPolicy
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.intake import Intake, NewJob
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.webhook_store import Delivery, Endpoint, WebhookStore
from prompt_queue.worker.delivery_crew import DeliveryTerms, delivery_loop
from prompt_queue.worker.loop import WorkLoop
from tests.api.running import complete, fail
from tests.conftest import until
from tests.delivery.receiver import Receiver

BASE = "https://queue.example.com"


@asynccontextmanager
async def delivering(
    database: Database, *trusted: str, seconds: float = 20.0, tries: int = 12, at_once: int = 8
) -> AsyncIterator[WorkLoop]:
    """A worker's loop for webhooks, as quick as a test needs it."""
    terms = DeliveryTerms(
        policy=DeliveryPolicy(base=0.05, tries=tries),
        trusted=frozenset(trusted),
        base_url=BASE,
        call_seconds=seconds,
        lease_seconds=30,
        at_once=at_once,
        poll_seconds=0.1,
        drain_seconds=5,
    )
    async with delivery_loop(database, terms, "tester") as loop:
        running = asyncio.create_task(loop.run())
        waking = asyncio.create_task(_wake(loop))
        try:
            yield loop
        finally:
            waking.cancel()
            loop.hurry()
            await running


async def _wake(loop: WorkLoop) -> None:
    """What the janitor does."""
    while True:
        loop.wake()
        await asyncio.sleep(0.2)


async def endpoint(
    outbox: WebhookStore, receiver: Receiver, *events: str, path: str = "/hook"
) -> Endpoint:
    made = await outbox.create(DEMO_USER_ID, receiver.url(path), events, None)
    assert made is not None
    return made


async def tell(database: Database, *subjects: UUID, kind: str = "alert.firing") -> None:
    """Messages in this order."""
    connection = await asyncpg.connect(database.dsn)
    for number, subject in enumerate(subjects):
        await connection.execute(
            "select enqueue_webhook($1, $2, $3, $4::jsonb)",
            DEMO_USER_ID, kind, subject, json.dumps({"n": number}),
        )  # fmt: skip
    await connection.close()


async def only(outbox: WebhookStore, which: Endpoint, state: str) -> Delivery:
    """The one delivery of an endpoint, once it is in this state."""

    async def found() -> Delivery | None:
        (one,) = await outbox.deliveries(which.id, 10)
        return one if one.state == state else None

    delivery = await until(found)
    assert isinstance(delivery, Delivery)
    return delivery


async def heard(receiver: Receiver, number: int) -> None:
    async def so_many() -> bool:
        return len(receiver.heard) >= number

    await until(so_many)


async def test_a_completed_prompt_reaches_its_endpoint_signed(
    database: Database, outbox: WebhookStore, store: PromptStore, receiver: Receiver, demo: UUID
) -> None:
    """In the format of Standard Webhooks, by its own library; the try is on record."""
    made = await endpoint(outbox, receiver)
    job = NewJob(row_id=demo, target_url="https://e.com/t.jpg")
    queued = await Intake(database).enqueue(job)
    await complete(store)
    async with delivering(database, receiver.host_port):
        delivery = await only(outbox, made, "delivered")
    (call,) = receiver.heard
    assert call.is_signed_with(made.secret)
    assert not call.is_signed_with("whsec_AAAA")
    assert call.document["type"] == "prompt.completed"
    data = call.document["data"]
    assert (data["promptJobId"], data["status"]) == (str(queued.job_id), "completed")
    assert data["prompt"] == "Make the sky teal."
    assert data["urls"]["self"] == f"{BASE}/api/prompt/queue/{queued.job_id}"
    assert [(one.number, one.status, one.error) for one in delivery.last_tries] == [(1, 204, None)]


async def test_a_failure_is_told_with_its_sentence(
    database: Database, outbox: WebhookStore, store: PromptStore, receiver: Receiver, demo: UUID
) -> None:
    """And only to who wants to know of failures."""
    await endpoint(outbox, receiver, "prompt.completed", path="/good")
    made = await endpoint(outbox, receiver, "prompt.failed", path="/bad")
    await Intake(database).enqueue(NewJob(row_id=demo, target_url="https://e.com/t.jpg"))
    await fail(store)
    async with delivering(database, receiver.host_port):
        await only(outbox, made, "delivered")
    (call,) = receiver.heard
    assert (call.path, call.document["type"]) == ("/bad", "prompt.failed")
    assert call.document["data"]["errorCode"] == "bad_input"
    assert call.document["data"]["error"] == "The picture is too dark."


async def test_a_failed_try_is_repeated_with_the_same_id_and_body(
    database: Database, outbox: WebhookStore, receiver: Receiver
) -> None:
    """Until it is answered well; what the receiver said is kept, without secrets."""
    made = await endpoint(outbox, receiver)
    receiver.answer = lambda _: (
        web.Response(status=500, text="no: Bearer abcdefghijklmnop12345")
        if len(receiver.heard) < 3 else None
    )  # fmt: skip
    await tell(database, uuid4())
    async with delivering(database, receiver.host_port):
        delivery = await only(outbox, made, "delivered")
    assert len({call.id for call in receiver.heard}) == 1
    assert len({call.body for call in receiver.heard}) == 1
    assert [one.status for one in delivery.last_tries] == [500, 500, 204]
    first = delivery.last_tries[0]
    assert first.next_at is not None
    assert first.answer is not None
    assert "abcdefghijklmnop" not in first.answer


async def test_messages_about_one_job_arrive_in_order(
    database: Database, outbox: WebhookStore, receiver: Receiver
) -> None:
    """The later one waits until the earlier one is delivered, however often that fails."""
    await endpoint(outbox, receiver)
    one, other = uuid4(), uuid4()
    failing = iter([True, True, True])
    receiver.answer = lambda call: (
        web.Response(status=500)
        if call.document["data"]["n"] == 0 and next(failing, False) else None
    )  # fmt: skip
    await tell(database, one, other, one, other, one)
    async with delivering(database, receiver.host_port):
        await heard(receiver, 8)
    told = [call.document["data"]["n"] for call in receiver.heard]
    assert [n for n in told if n in {0, 2, 4}] == [0, 0, 0, 0, 2, 4]
    assert [n for n in told if n in {1, 3}] == [1, 3]
    assert told.index(3) < told.index(2)


async def test_a_message_that_is_given_up_lets_the_next_one_go(
    database: Database, outbox: WebhookStore, receiver: Receiver
) -> None:
    """After the last try; it counts as exhausted."""
    await endpoint(outbox, receiver)
    subject = uuid4()
    receiver.answer = lambda call: (
        web.Response(status=400) if call.document["data"]["n"] == 0 else None
    )
    await tell(database, subject, subject)
    async with delivering(database, receiver.host_port, tries=2):
        await heard(receiver, 3)

        async def over() -> bool:
            return dict(await outbox.outcomes()) == {
                "delivered": 1, "exhausted": 1, "disabled": 0, "pending": 0
            }  # fmt: skip

        await until(over)
    assert [call.document["data"]["n"] for call in receiver.heard] == [0, 0, 1]


async def test_410_disables_the_endpoint_and_says_so(
    database: Database, outbox: WebhookStore, receiver: Receiver
) -> None:
    """What waits for it is not sent any more."""
    made = await endpoint(outbox, receiver)
    receiver.answer = lambda _: web.Response(status=410)
    subject = uuid4()
    await tell(database, subject, subject, subject)

    async def disabled() -> bool:
        return (await outbox.outcomes())["disabled"] == 3

    async with delivering(database, receiver.host_port):
        await until(disabled)
    found = await outbox.find(made.id)
    assert found is not None
    assert found.state == "disabled"
    assert "410" in (found.disabled_reason or "")
    assert len(receiver.heard) == 1


async def test_days_of_failures_disable_the_endpoint(
    database: Database, outbox: WebhookStore, receiver: Receiver
) -> None:
    """And its reason names since when."""
    made = await endpoint(outbox, receiver)
    receiver.answer = lambda _: web.Response(status=500)
    connection = await asyncpg.connect(database.dsn)
    await connection.execute(
        "update webhook_endpoints set failing_since = now() - interval '6 days'"
    )
    await connection.close()
    await tell(database, uuid4())
    async with delivering(database, receiver.host_port):
        await only(outbox, made, "disabled")
    found = await outbox.find(made.id)
    assert found is not None
    assert found.state == "disabled"
    assert "nothing well since" in (found.disabled_reason or "")


async def test_a_redirect_is_not_followed(
    database: Database, outbox: WebhookStore, receiver: Receiver
) -> None:
    """It counts as a failure with a sentence that says what to do."""
    made = await endpoint(outbox, receiver)
    receiver.answer = lambda _: web.Response(status=302, headers={"Location": receiver.url("/b")})
    await tell(database, uuid4())
    async with delivering(database, receiver.host_port, tries=1):
        delivery = await only(outbox, made, "exhausted")
    assert [call.path for call in receiver.heard] == ["/hook"]
    assert "redirects are not followed" in (delivery.last_tries[0].error or "")


async def test_nothing_is_sent_to_a_private_address_that_is_not_trusted(
    database: Database, outbox: WebhookStore, receiver: Receiver
) -> None:
    """Not even where its endpoint was stored by somebody who may: the guard is where it is sent."""
    made = await endpoint(outbox, receiver)
    await tell(database, uuid4())
    async with delivering(database, tries=1):
        delivery = await only(outbox, made, "exhausted")
    assert receiver.heard == []
    assert "not allowed" in (delivery.last_tries[0].error or "")


async def test_a_receiver_that_hangs_delays_nobody_else(
    database: Database, outbox: WebhookStore, receiver: Receiver
) -> None:
    """It has four calls of eight, however many messages wait for it; the others go past it."""
    receiver.stalling.add("/slow")
    slow = await endpoint(outbox, receiver, "alert.firing", path="/slow")
    await tell(database, *(uuid4() for _ in range(30)))
    quick = await endpoint(outbox, receiver, "alert.resolved", path="/quick")
    async with delivering(database, receiver.host_port, seconds=120):
        await heard(receiver, 4)
        await tell(database, *(uuid4() for _ in range(20)), kind="alert.resolved")

        async def all_there() -> bool:
            found = await outbox.deliveries(quick.id, 50)
            return [one.state for one in found] == ["delivered"] * 20

        await until(all_there)
        assert sum(call.path == "/slow" for call in receiver.heard) == 4
        assert {one.state for one in await outbox.deliveries(slow.id, 50)} == {"sending", "waiting"}


async def test_after_a_rotation_both_secrets_sign(
    database: Database, outbox: WebhookStore, receiver: Receiver
) -> None:
    """So that a receiver can change over without missing one."""
    made = await endpoint(outbox, receiver)
    renewed = await outbox.rotate(made.id, DEMO_USER_ID)
    assert renewed is not None
    await tell(database, uuid4())
    async with delivering(database, receiver.host_port):
        await only(outbox, made, "delivered")
    (call,) = receiver.heard
    assert renewed.secret != made.secret
    assert call.is_signed_with(renewed.secret)
    assert call.is_signed_with(made.secret)
    assert made.secret not in repr(made)


async def test_a_replay_carries_the_same_id(
    database: Database, outbox: WebhookStore, receiver: Receiver
) -> None:
    """By which the receiver knows it; it has all its tries again."""
    made = await endpoint(outbox, receiver)
    receiver.answer = lambda _: web.Response(status=500) if len(receiver.heard) < 2 else None
    await tell(database, uuid4())
    async with delivering(database, receiver.host_port, tries=1):
        delivery = await only(outbox, made, "exhausted")
        assert await outbox.replay(delivery.id, uuid4()) == "not_found"
        assert await outbox.replay(delivery.id, DEMO_USER_ID) == "replayed"
        await only(outbox, made, "delivered")
    assert len({call.id for call in receiver.heard}) == 1
    assert len(receiver.heard) == 2
