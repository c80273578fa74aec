"""What others do to a picture: webhooks, cancels, retries by hand, the end of its prompt."""

from uuid import UUID, uuid4

from tests.proofs.acts import PROMPT, Acts
from tests.proofs.picture_acts import BOUGHT, LOST, Pictures


async def _unknown(desk: Pictures) -> tuple[UUID, UUID, UUID]:
    job, picture, token = await desk.claimed()
    call, _verdict = await desk.begin(picture, token)
    await desk.end(call, answered=False, code="timeout")
    await desk.settle(picture, token, "unknown", delay_seconds=60)
    return job, picture, call


async def a_webhook_tells_what_was_bought(queue: Acts, _: Acts) -> None:
    """Once; another purchase is noted, and what has ended stays."""
    desk = Pictures(queue)
    job, picture, call = await _unknown(desk)
    assert await desk.hint(uuid4(), "p1") == "unknown"
    assert await desk.hint(call, "p1", "w1") == "taken"
    assert await desk.hint(call, "p1", "w1") == "repeated"
    ledger = await desk.call(call)
    assert (ledger["state"], ledger["error_code"]) == ("answered", None)
    row = await desk.claim_one()
    assert (row["status"], row["prediction_id"]) == (BOUGHT, "p1")
    assert await desk.hint(call, "p2") == "late"
    assert "picture_bought_twice" in await desk.kinds(job)
    assert (await desk.row(picture))["prediction_id"] == "p1"
    await desk.settle(picture, row["lease_token"], "failed", error="x")
    assert await desk.hint(call, "p1") == "late"
    assert (await desk.row(picture))["status"] == "failed"
    job, picture, call = await _unknown(desk)
    await desk.cancel(job)
    assert await desk.hint(call, "p3") == "late"
    assert (await desk.row(picture))["status"] == "cancelled"


async def news_reach_who_looks_meanwhile(queue: Acts, _: Acts) -> None:
    """What it made of not knowing does not count, and it is looked at again at once."""
    desk = Pictures(queue)
    for outcome in ("unknown", "again", "failed", "retry", "postponed", "released"):
        job, picture, call = await _unknown(desk)
        await desk.wake()
        row = await desk.claim_one()
        assert await desk.hint(call, f"p-{outcome}") == "taken"
        assert await desk.claim() == []
        settled = await desk.settle(
            picture, row["lease_token"], outcome, error="x", delay_seconds=60
        )
        assert settled == (True, BOUGHT)
        row = await desk.claim_one()
        assert row["prediction_id"] == f"p-{outcome}"
        await desk.cancel(job)
        await queue.connection.execute("delete from public.picture_jobs")


async def what_failed_there_is_not_bought_anew(queue: Acts, _: Acts) -> None:
    """A task that came to nothing, by itself or until somebody retried, is never the next one."""
    desk = Pictures(queue)
    job, picture, token = await desk.claimed()
    call, _verdict = await desk.begin(picture, token)
    await desk.end(call, answered=True)
    await desk.settle(picture, token, BOUGHT, prediction_id="p1")
    held = (await desk.claim_one())["lease_token"]
    assert await desk.settle(picture, held, "again", error="x") == (True, "queued")
    held = (await desk.claim_one())["lease_token"]
    assert await desk.settle(picture, held, BOUGHT, prediction_id="p1") == (True, LOST)
    assert await desk.hint(call, "p1") == "late"
    held = (await desk.claim_one())["lease_token"]
    assert await desk.settle(picture, held, BOUGHT, prediction_id="p2") == (True, BOUGHT)
    held = (await desk.claim_one())["lease_token"]
    await desk.settle(picture, held, "failed", error="x")
    assert await desk.retry(job) == "retried"
    assert await desk.hint(call, "p2") == "late"
    assert (await desk.row(picture))["past_predictions"] == ["p1", "p2"]


async def a_cancelled_picture_stays_cancelled(queue: Acts, _: Acts) -> None:
    """Its provider is told, where it was bought; nobody else's job is touched."""
    desk = Pictures(queue)
    job, picture, token = await desk.claimed(count=2)
    assert (await desk.cancel(job, uuid4()))["outcome"] == "not_found"
    await desk.settle(picture, token, BOUGHT, prediction_id="p1", delay_seconds=60)
    receipt = await desk.cancel(job)
    assert (receipt["outcome"], receipt["cancelled"], receipt["at_provider"]) == ("cancelled", 2, 1)
    assert (await desk.cancel(job))["outcome"] == "already_cancelled"
    row = await desk.claim_one()
    assert row["id"] == picture
    held = row["lease_token"]
    assert await desk.settle(picture, held, "made", provider_outputs=["x"]) == (False, "cancelled")
    assert await desk.settle(picture, held, "withdrawn") == (True, "cancelled")
    assert await desk.claim(9) == []
    job, picture, token = await desk.claimed()
    await desk.settle(picture, token, "failed", error="x")
    assert (await desk.cancel(job))["outcome"] == "already_final"
    assert (await desk.row(picture))["status"] == "failed"


async def a_cancel_spares_a_prompt_that_others_need(queue: Acts, _: Acts) -> None:
    """A prompt of its own goes with it."""
    desk = Pictures(queue)
    job = await desk.create(with_prompt=True)
    assert (await desk.cancel(job))["prompt_cancelled"] is True
    job, other = await desk.create(with_prompt=True), await desk.create(with_prompt=True)
    for table, key in (("jobs", "id"), ("picture_jobs", "job_id")):
        await queue.connection.execute(
            f"update public.{table} o set prompt_job_id = j.prompt_job_id from public.{table} j "
            f"where j.{key} = $1 and o.{key} = $2", job, other,
        )  # fmt: skip
    assert (await desk.cancel(job))["prompt_cancelled"] is False
    for prompt_job, token in (await queue.claim(2)).items():
        await queue.settle(prompt_job, token, "completed")
    assert {row["status"] for row in await desk.of(job)} == {"cancelled"}
    assert {row["status"] for row in await desk.of(other)} == {"queued"}


async def only_a_failed_picture_is_made_anew(queue: Acts, _: Acts) -> None:
    """By whom it belongs to; with all its retries."""
    desk = Pictures(queue)
    job, picture, token = await desk.claimed(count=2, max_retries=1)
    assert await desk.retry(job) == "not_failed"
    await desk.settle(picture, token, "retry", error="x")
    (row,) = [row for row in await desk.claim(9) if row["id"] == picture]
    await desk.settle(picture, row["lease_token"], "retry", error="x")
    assert await desk.retry(job, uuid4()) == "not_found"
    (other,) = [row for row in await desk.of(job) if row["id"] != picture]
    assert await desk.retry(job) == "retried"
    row = await desk.row(picture)
    assert (row["status"], row["retry_count"], row["error"]) == ("queued", 0, None)
    assert (await desk.row(other["id"]))["lease_token"] == other["lease_token"]


async def a_picture_shares_the_fate_of_its_prompt(queue: Acts, _: Acts) -> None:
    """Not a moment before that ends; and only what failed with it comes back with it."""
    desk = Pictures(queue)
    for outcome, status in (("completed", "queued"), ("failed", "failed")):
        job = await desk.create(with_prompt=True, count=2)
        assert await desk.claim(9) == []
        ((prompt_job, token),) = (await queue.claim()).items()
        await queue.settle(prompt_job, token, outcome, code="refused")
        rows = await desk.of(job)
        assert {row["status"] for row in rows} == {status}
        if outcome == "completed":
            assert {row["prompt"] for row in rows} == {PROMPT}
            claims = await desk.claim(9)
            assert len(claims) == 2
            await desk.settle(claims[0]["id"], claims[0]["lease_token"], "failed", error="x")
            assert await desk.retry(job) == "retried"
            again = await desk.row(claims[0]["id"])
            assert (again["status"], again["retried_at"] is None) == ("queued", False)
            await desk.cancel(job)
        else:
            assert {row["error_code"] for row in rows} == {"refused"}
            assert await queue.retry(prompt_job) == "retried"
            assert {row["status"] for row in await desk.of(job)} == {"waiting_prompt"}
    await queue.cancel(prompt_job)
    assert {row["error_code"] for row in await desk.of(job)} == {"prompt_cancelled"}


PICTURE_FATES = (
    a_webhook_tells_what_was_bought,
    news_reach_who_looks_meanwhile,
    what_failed_there_is_not_bought_anew,
    a_cancelled_picture_stays_cancelled,
    a_cancel_spares_a_prompt_that_others_need,
    only_a_failed_picture_is_made_anew,
    a_picture_shares_the_fate_of_its_prompt,
)
