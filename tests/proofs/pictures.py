"""What must hold of pictures, each in a few acts: bought once, retried within bounds."""

from decimal import Decimal
from uuid import uuid4

from asyncpg import Record

from tests.proofs.acts import Acts
from tests.proofs.picture_acts import BOUGHT, LOST, Pictures

NOT_BOUGHT = ("failed", "unknown", "waiting", "running", "made", "again", "retry", "postponed")
STOPPED = ("released", "postponed", "retry", "failed")


async def only_the_holder_settles_a_picture(queue: Acts, _: Acts) -> None:
    """But who bought it says so whenever it can, once."""
    desk = Pictures(queue)
    job, picture, token = await desk.claimed()
    assert await desk.lose(picture) == 1
    for outcome in NOT_BOUGHT:
        assert await desk.settle(picture, token, outcome, error="x") == (False, "queued")
    bought = await desk.settle(picture, token, BOUGHT, prediction_id="p1", delay_seconds=60)
    assert bought == (True, BOUGHT)
    assert await desk.settle(picture, token, BOUGHT, prediction_id="p2") == (False, BOUGHT)
    assert (await desk.row(picture))["prediction_id"] == "p1"
    assert "picture_bought_twice" in await desk.kinds(job)
    job, picture, token = await desk.claimed()
    assert await desk.lose(picture) == 1
    row = await desk.claim_one()
    call, _verdict = await desk.begin(picture, row["lease_token"])
    assert await desk.hint(call, "p3") == "taken"
    assert not (await desk.settle(picture, token, BOUGHT, prediction_id="p4"))[0]
    assert (await desk.settle(picture, row["lease_token"], BOUGHT, prediction_id="p3"))[0]


async def a_late_save_counts_once(queue: Acts, _: Acts) -> None:
    """The files are ours; who lost its lease while it fetched them did not work in vain."""
    desk = Pictures(queue)
    job, picture, token = await desk.claimed()
    await desk.settle(picture, token, BOUGHT, prediction_id="p1")
    assert not (await desk.settle(picture, token, "succeeded", outputs=[1]))[0]
    row = await desk.claim_one()
    await desk.settle(picture, row["lease_token"], "made", provider_outputs=["https://e.com/1"])
    row = await desk.claim_one()
    assert await desk.lose(picture) == 1
    save = await desk.settle(picture, row["lease_token"], "succeeded", outputs=[1])
    assert save == (True, "succeeded")
    save = await desk.settle(picture, row["lease_token"], "succeeded", outputs=[2])
    assert save == (False, "succeeded")
    assert (await desk.kinds(job)).count("picture_succeeded") == 1


async def a_submit_that_may_have_left_is_unknown(queue: Acts, _: Acts) -> None:
    """Whatever its worker says of it, or where that died; what was refused was not bought."""
    desk = Pictures(queue)
    for outcome in (*STOPPED, None):
        for end, lost in (
            ({}, True), ({"answered": False}, True), ({"answered": True}, True),
            ({"answered": True, "code": "rate_limited"}, False),
        ):  # fmt: skip
            job, picture, token = await desk.claimed()
            call, verdict = await desk.begin(picture, token)
            assert verdict == "granted"
            if end:
                await desk.end(call, **end)
            if outcome is None:
                assert await desk.lose(picture) == 1
                assert (await desk.call(call))["state"] != "sent"
            else:
                await desk.settle(picture, token, outcome, error="x")
            assert ((await desk.row(picture))["status"] == LOST) is lost
            await desk.cancel(job)


async def three_workers_die_of_it(queue: Acts, _: Acts) -> None:
    """Then it is set aside; not if it is bought, and not while its worker lives."""
    desk = Pictures(queue)
    _job, picture, _token = await desk.claimed()
    assert await queue.connection.fetchval("select public.free_expired_picture_leases()") == 0
    for losses in (1, 2, 3):
        if losses > 1:
            await desk.claim()
        assert await desk.lose(picture) == 1
        row = await desk.row(picture)
        assert row["lease_losses"] == losses
        assert row["status"] == ("failed" if losses == 3 else "queued")
    assert row["error_code"] == "worker_died"
    _job, picture, token = await desk.claimed()
    await desk.settle(picture, token, BOUGHT, prediction_id="p1")
    for _again in range(5):
        await desk.claim()
        assert await desk.lose(picture) == 1
    assert (await desk.row(picture))["status"] == BOUGHT


async def two_submits_without_an_answer_suffice(queue: Acts, _: Acts) -> None:
    """The ledger's bound; a retry by hand is a new beginning, and a refusal does not count."""
    desk = Pictures(queue)
    job, picture, token = await desk.claimed()
    assert (await desk.begin(picture, uuid4()))[1] == "lease_lost"
    call, _verdict = await desk.begin(picture, token)
    await desk.end(call, answered=True, code="not_sent")
    for sent in (0, 1):
        call, verdict = await desk.begin(picture, token)
        assert verdict == "granted"
        await desk.end(call, answered=False)
        await desk.settle(picture, token, "unknown")
        row = await desk.claim_one()
        assert row["status"] == LOST
        await desk.settle(picture, row["lease_token"], "again")
        row = await desk.claim_one()
        assert (row["status"], row["resubmits"], row["retry_count"]) == ("submitting", sent + 1, 0)
        token = row["lease_token"]
    assert (await desk.begin(picture, token))[1] == "outcome_unknown"
    await desk.settle(picture, token, "failed", error="x", error_code="outcome_unknown")
    assert await desk.retry(job) == "retried"
    row = await desk.claim_one()
    assert row["resubmits"] == 0
    assert (await desk.begin(picture, row["lease_token"]))[1] == "granted"


async def retries_of_a_picture_are_bounded(queue: Acts, _: Acts) -> None:
    """Those before it was bought, and those after it failed there."""
    desk = Pictures(queue)
    for way in ("retry", "again"):
        job, picture, token = await desk.claimed(max_retries=1)
        if way == "again":
            await desk.settle(picture, token, BOUGHT, prediction_id="p1")
            token = (await desk.claim_one())["lease_token"]
        assert await desk.settle(picture, token, way, error="x") == (True, "queued")
        row = await desk.row(picture)
        assert (row["retry_count"], row["resubmits"], row["prediction_id"]) == (1, 0, None)
        row = await desk.claim_one()
        token = row["lease_token"]
        if way == "again":
            await desk.settle(picture, token, BOUGHT, prediction_id="p2")
            token = (await desk.claim_one())["lease_token"]
        assert await desk.settle(picture, token, way, error="x") == (True, "failed")
        assert "picture_failed" in await desk.kinds(job)


async def what_is_put_off_waits(queue: Acts, _: Acts) -> None:
    """Bought or not."""
    desk = Pictures(queue)
    _job, picture, token = await desk.claimed()
    await desk.settle(picture, token, "postponed", delay_seconds=60)
    assert await desk.claim() == []
    await desk.create()
    assert len(await desk.claim(9)) == 1
    await queue.connection.execute("delete from public.picture_jobs where id <> $1", picture)
    await desk.wake()
    row = await desk.claim_one()
    await desk.settle(picture, row["lease_token"], BOUGHT, prediction_id="p", delay_seconds=60)
    assert await desk.claim() == []
    await desk.wake()
    row = await desk.claim_one()
    assert (row["status"], row["prediction_id"]) == (BOUGHT, "p")
    await desk.settle(picture, row["lease_token"], "running")
    row = await desk.claim_one()
    assert row["status"] == "running"


async def a_prediction_has_one_owner(queue: Acts, _: Acts) -> None:
    """Who comes second has to look for another."""
    desk = Pictures(queue)
    await desk.create(count=2)
    (one, two) = await desk.claim(2)
    assert (await desk.settle(one["id"], one["lease_token"], BOUGHT, prediction_id="p"))[0]
    second = await desk.settle(two["id"], two["lease_token"], BOUGHT, prediction_id="p")
    assert second == (True, LOST)


async def no_more_pictures_than_may_be(queue: Acts, other: Acts) -> None:
    """Also where two claim at once; the urgent first, and a pause stops only what is new."""
    mine, theirs = Pictures(queue), Pictures(other)
    cap = "update public.prompt_queue_settings set pictures_at_once = $1"
    for priority in (3, 9, 5, 7):
        await mine.create(priority=priority)
    await queue.connection.execute(cap, 3)
    try:
        first: list[Record] = []
        late: list[Record] = []

        async def take(desk: Pictures, taken: list[Record]) -> None:
            taken += await desk.claim(2)

        await queue.overtakes(take(mine, first), other, take(theirs, late))
        assert [row["priority"] for row in first] == [9, 7]
        assert [row["priority"] for row in late] == [5]
        assert await mine.claim(9) == []
        row = late[0]
        await theirs.settle(row["id"], row["lease_token"], BOUGHT, prediction_id="p")
        assert [row["status"] for row in await mine.claim(9)] == [BOUGHT]
    finally:
        await queue.connection.execute(cap, None)
    for model in ("", "wavespeed"):
        await queue.connection.execute(
            "insert into public.prompt_queue_pauses (model, actor) values ($1, 'me')", model
        )
        assert await mine.claim(9) == []
        await queue.connection.execute("delete from public.prompt_queue_pauses")
    await queue.connection.execute("select public.pause_prompt_queue(null, null, 'me', 3, 3)")
    assert await mine.claim(9) == []
    await queue.connection.execute("select public.resume_prompt_queue(null, 'me', 3, 3)")
    assert [row["priority"] for row in await mine.claim(9)] == [3]


async def a_purchase_is_booked_and_given_back(queue: Acts, _: Acts) -> None:
    """On the newest submit that left; what was never sent costs nothing."""
    desk = Pictures(queue)
    _job, picture, token = await desk.claimed()
    refused, _verdict = await desk.begin(picture, token)
    await desk.end(refused, answered=True, code="rate_limited")
    bought, _verdict = await desk.begin(picture, token)
    await desk.end(bought, answered=False)
    unsent, _verdict = await desk.begin(picture, token)
    await desk.end(unsent, answered=True, code="not_sent")
    for booked, stands in ((0.5, 0.5), (0.7, 0.5), (0.0, 0.0)):
        await desk.resolve(picture, booked)
        call = await desk.call(bought)
        assert (call["state"], call["cost_usd"]) == ("answered", Decimal(str(stands)))
        assert (await desk.call(unsent))["cost_usd"] is None
        assert (await desk.call(refused))["cost_usd"] is None


PICTURES = (
    only_the_holder_settles_a_picture,
    a_late_save_counts_once,
    a_submit_that_may_have_left_is_unknown,
    three_workers_die_of_it,
    two_submits_without_an_answer_suffice,
    retries_of_a_picture_are_bounded,
    what_is_put_off_waits,
    a_prediction_has_one_owner,
    no_more_pictures_than_may_be,
    a_purchase_is_booked_and_given_back,
)
