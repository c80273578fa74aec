"""What must hold of webhooks that we send: more scenarios."""

import json
from typing import Any
from uuid import UUID, uuid4

from tests.proofs.acts import Acts

HOOK = "https://receiver.example.com/hook"
CLAIM = (
    "select m.id, m.lease_token, m.subject from public.claim_webhook_messages($1, 'w', $2, $3) m"
)
SETTLE = "select s.applied, s.state from public.settle_webhook_messages($1::jsonb) s"
ENDPOINT = (
    "insert into public.webhook_endpoints (user_id, url, secret, events, state) "
    "values ($1, $2, 'whsec_first', $3, $4) returning id"
)
SOON = "update public.webhook_messages set due_at = clock_timestamp() where state = 'waiting'"


async def owner(queue: Acts) -> UUID:
    """Whose row it is."""
    found: UUID = await queue.connection.fetchval(
        "select user_id from public.model_rows where id = $1", queue.row
    )
    return found


async def endpoint(
    queue: Acts, *events: str, user: UUID | None = None, state: str = "active"
) -> UUID:
    """An endpoint; of the owner of the row, where no user is named."""
    found: UUID = await queue.connection.fetchval(
        ENDPOINT, user or await owner(queue), HOOK, list(events), state
    )
    return found


async def _tell(queue: Acts, *subjects: UUID) -> None:
    for subject in subjects:
        await queue.connection.execute(
            "select public.enqueue_webhook($1, 'alert.firing', $2, '{}')",
            await owner(queue), subject,
        )  # fmt: skip


async def _claim(
    queue: Acts, limit: int = 10, seconds: float = 300, cap: int = 4
) -> dict[UUID, tuple[UUID, UUID]]:
    """Subject -> message and token."""
    rows = await queue.connection.fetch(CLAIM, limit, seconds, cap)
    return {row["subject"]: (row["id"], row["lease_token"]) for row in rows}


async def _only(queue: Acts, subject: UUID, **more: Any) -> tuple[UUID, UUID]:
    """Message and token of the one claim there is."""
    held = await _claim(queue, **more)
    assert set(held) == {subject}
    return held[subject]


async def _settle(queue: Acts, held: tuple[UUID, UUID], outcome: str, **more: Any) -> str | None:
    """The state that it has brought; None where it was not applied."""
    said = {"message_id": str(held[0]), "lease_token": str(held[1]), "outcome": outcome,
            "delay_seconds": 60, "disable_after_days": 5, "milliseconds": 1} | more  # fmt: skip
    row = await queue.connection.fetchrow(SETTLE, json.dumps([said]))
    return str(row["state"]) if row["applied"] else None


async def _read(queue: Acts, table: str, what: str, value: UUID) -> Any:
    return await queue.connection.fetchval(
        f"select {what} from public.{table} where id = $1", value
    )


async def messages_of_a_subject_go_one_after_another(queue: Acts, _: Acts) -> None:
    """A failed one holds up its own line, and nothing else, until it may be tried again."""
    one, other, third = uuid4(), uuid4(), uuid4()
    await endpoint(queue)
    await _tell(queue, one, one, other)
    held = await _claim(queue)
    assert set(held) == {one, other}
    assert await _claim(queue) == {}
    assert await _settle(queue, held[one], "retry") == "waiting"
    assert await _read(queue, "webhook_messages", "tries", held[one][0]) == 1
    await _tell(queue, third)
    assert set(await _claim(queue)) == {third}
    await queue.connection.execute(SOON + " and tries > 0")
    again = await _only(queue, one)
    assert again[0] == held[one][0]
    assert await _settle(queue, again, "delivered") == "delivered"
    assert set(await _claim(queue)) == {one}


async def a_message_needs_its_lease(queue: Acts, _: Acts) -> None:
    """What a silent worker held is given out anew, what another one holds is not."""
    subject = uuid4()
    await endpoint(queue)
    await _tell(queue, subject)
    stale = await _only(queue, subject, seconds=-1)
    held = await _only(queue, subject)
    assert (held[0], held[1] != stale[1]) == (stale[0], True)
    assert await _claim(queue) == {}
    assert await _settle(queue, stale, "delivered") is None
    assert await _settle(queue, held, "released") == "waiting"
    assert await _read(queue, "webhook_messages", "tries", held[0]) == 0
    assert await _settle(queue, await _only(queue, subject), "delivered") == "delivered"
    counted = "select sum(messages) from public.webhook_tally where outcome = 'delivered'"
    assert await queue.connection.fetchval(counted) == 1


async def a_receiver_has_so_many_at_once(queue: Acts, _: Acts) -> None:
    """Of one lane, over all claims; and no claim gets more than it asks for."""
    await endpoint(queue)
    await _tell(queue, *(uuid4() for _ in range(6)))
    assert len(await _claim(queue, limit=1)) == 1
    assert len(await _claim(queue, cap=3)) == 2
    assert await _claim(queue, cap=3) == {}


async def an_endpoint_that_is_gone_is_told_nothing_more(queue: Acts, _: Acts) -> None:
    """It is disabled, and so is what waits for it."""
    made, subject = await endpoint(queue), uuid4()
    await _tell(queue, subject, subject, uuid4())
    held = await _claim(queue, limit=1)
    assert await _settle(queue, next(iter(held.values())), "gone") == "disabled"
    assert await _read(queue, "webhook_endpoints", "state", made) == "disabled"
    left = "select count(*) from public.webhook_messages where state <> 'disabled'"
    assert await queue.connection.fetchval(left) == 0


async def days_of_failures_disable_an_endpoint(queue: Acts, _: Acts) -> None:
    """Not one failure, and not those before a success."""
    made = await endpoint(queue)

    async def fails(outcome: str = "retry") -> None:
        subject = uuid4()
        await _tell(queue, subject)
        assert await _settle(queue, await _only(queue, subject), outcome) is not None

    async def state() -> tuple[str, bool]:
        row = await queue.connection.fetchrow(
            "select state, failing_since is null as well from public.webhook_endpoints "
            "where id = $1", made,
        )  # fmt: skip
        return row["state"], row["well"]

    await fails()
    assert await state() == ("active", False)
    await fails("delivered")
    assert await state() == ("active", True)
    await queue.connection.execute(
        "update public.webhook_endpoints set failing_since = clock_timestamp() - interval '6 days'"
    )
    await fails()
    assert await state() == ("disabled", False)


async def who_wants_to_know_is_told_and_nobody_else(queue: Acts, other: Acts) -> None:
    """Active endpoints of the user that want the type, and who asked with the request."""
    told = {
        "completed": [await endpoint(queue), await endpoint(queue, "prompt.completed")],
        "failed": [await endpoint(queue, "prompt.failed", "alert.firing")],
    }
    await endpoint(queue, state="disabled")
    await endpoint(queue, user=await owner(other))
    asked = (
        "insert into public.webhook_requests (job_id, user_id, subject, url) "
        "values ($1, $2, $1, $3)"
    )
    for outcome in ("completed", "failed"):
        job = await queue.enqueue()
        await queue.connection.execute(asked, job, await owner(queue), HOOK)
        assert (await queue.settle(job, (await queue.claim())[job], outcome))[0]
        rows = await queue.connection.fetch(
            "select endpoint_id, url, type from public.webhook_messages where subject = $1", job
        )
        everything = told["completed"][0]
        expected = {everything, None, *told[outcome]}
        assert {row["endpoint_id"] for row in rows} == expected
        assert len(rows) == len(expected)
        assert {row["type"] for row in rows} == {f"prompt.{outcome}"}
    subject = uuid4()
    await _tell(queue, subject)
    rows = await queue.connection.fetch(
        "select endpoint_id from public.webhook_messages where subject = $1", subject
    )
    assert {row["endpoint_id"] for row in rows} == {told["completed"][0], told["failed"][0]}


async def a_replay_is_a_new_beginning(queue: Acts, other: Acts) -> None:
    """Of a message of one's own that nobody is sending, to an endpoint that is there."""
    made, subject, user = await endpoint(queue), uuid4(), await owner(queue)
    replay = "select public.replay_webhook_message($1, $2)"
    await _tell(queue, subject)
    held = await _only(queue, subject)
    assert await queue.connection.fetchval(replay, held[0], user) == "sending"
    assert await _settle(queue, held, "exhausted") == "exhausted"
    stranger = await owner(other)
    assert await queue.connection.fetchval(replay, held[0], stranger) == "not_found"
    assert await queue.connection.fetchval(replay, held[0], user) == "replayed"
    assert await _read(queue, "webhook_messages", "tries - first_try", held[0]) == 0
    assert await _settle(queue, await _only(queue, subject), "exhausted") == "exhausted"
    await queue.connection.execute(
        "update public.webhook_endpoints set state = 'disabled' where id = $1", made
    )
    assert await queue.connection.fetchval(replay, held[0], user) == "disabled"


async def after_a_rotation_the_old_secret_signs_for_a_day(queue: Acts, other: Acts) -> None:
    """Of an endpoint of one's own, and of what single requests ask for."""
    made, user = await endpoint(queue), await owner(queue)
    rotate = (
        "select r.secret, r.old_secret_until > clock_timestamp() + interval '1 hour' as graceful "
        "from public.rotate_webhook_secret($1, $2) r"
    )
    assert await queue.connection.fetchrow(rotate, made, await owner(other)) is None
    assert await _read(queue, "webhook_endpoints", "secret", made) == "whsec_first"
    renewed = await queue.connection.fetchrow(rotate, made, user)
    assert (renewed["secret"] != "whsec_first", renewed["graceful"]) == (True, True)
    assert await _read(queue, "webhook_endpoints", "old_secret", made) == "whsec_first"
    first = await queue.connection.fetchval(rotate, None, user)
    second = await queue.connection.fetchval(rotate, None, user)
    kept = "select old_secret from public.webhook_secrets where user_id = $1"
    assert (first != second, await queue.connection.fetchval(kept, user)) == (True, first)


OUTBOX = (
    messages_of_a_subject_go_one_after_another,
    a_message_needs_its_lease,
    a_receiver_has_so_many_at_once,
    an_endpoint_that_is_gone_is_told_nothing_more,
    days_of_failures_disable_an_endpoint,
    who_wants_to_know_is_told_and_nobody_else,
    a_replay_is_a_new_beginning,
    after_a_rotation_the_old_secret_signs_for_a_day,
)
