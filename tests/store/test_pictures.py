"""Pictures in SQL: created with their prompt, released with it, bought once, ended once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.jobs.outcome import CallEnd, Done, Failed, GeneratedPrompt
from prompt_queue.jobs.picture import PictureClaim, PictureOutcome, PictureRow, PictureStatus
from prompt_queue.store.database import Database
from prompt_queue.store.intake import IdempotencyKey, KeyReused, Reply, RowMissing
from prompt_queue.store.picture_intake import JobIncomplete, NewPictureJob, PictureIntake
from prompt_queue.store.picture_store import PictureStore
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.rows import outcome_as_json
from prompt_queue.store.worker_store import WorkerStore

SEEDREAM = "bytedance/seedream-v4/edit"
PROMPT = "Paint the wall blue."
OUTPUTS = [{"url": "https://files/1", "width": 8, "height": 8}]


class Studio:
    """Jobs of one row, and a worker for their prompts and pictures."""

    def __init__(self, database: Database, row: UUID) -> None:
        self.database = database
        self.row = row
        self.intake = PictureIntake(database)
        self.store = PictureStore(database)
        self.prompts = PromptStore(database)
        self.workers = WorkerStore(database)

    async def create(self, **more: Any) -> tuple[UUID, UUID | None]:
        values = {"prompt": PROMPT, "target_url": "https://e.com/t"} | more
        if values.get("use_ai_prompt"):
            values["prompt"] = None
        created = await self.intake.create(
            NewPictureJob(row_id=self.row, user_id=None, generation_model=SEEDREAM, **values)
        )
        return created.job_id, created.prompt_job_id

    async def claim(self, limit: int = 1, lease: float = 30) -> list[PictureClaim]:
        return await self.store.claim(limit, "w", lease)

    async def settle(self, claim: PictureClaim, outcome: str, **more: Any) -> tuple[bool, str]:
        found = PictureOutcome(outcome=outcome, **more)
        (settled,) = await self.store.settle([(claim, found)])
        return settled.applied, str(settled.status)

    async def intend(self, claim: PictureClaim) -> tuple[UUID, str]:
        call = uuid4()
        ruling = await self.prompts.begin_calls(
            [
                {
                    "call_id": str(call), "job_id": str(claim.job_id), "model": "wavespeed",
                    "lease_token": str(claim.lease_token), "provider": "wavespeed",
                    "leg": "picture", "retry_count": 0,
                }
            ]
        )  # fmt: skip
        return call, ruling[call].verdict

    async def row_of(self, job_id: UUID) -> PictureRow:
        return (await self.store.find(job_id))[0]

    async def status(self, job_id: UUID) -> PictureStatus:
        return (await self.row_of(job_id)).status

    async def sql(self, query: str, *arguments: Any) -> Any:
        connection = await asyncpg.connect(self.database.dsn, statement_cache_size=0)
        try:
            return await connection.fetchval(query, *arguments)
        finally:
            await connection.close()

    async def due(self) -> None:
        await self.sql("update public.picture_jobs set due_at = now() where due_at is not null")

    async def kinds(self, job_id: UUID) -> list[str]:
        return [str(event["kind"]) for event in await self.store.events([job_id])]


@pytest.fixture
def studio(database: Database, demo: UUID) -> Studio:
    return Studio(database, demo)


async def settle_prompt(studio: Studio, *, fails: bool = False) -> UUID:
    """Be a worker for the next prompt."""
    (claim,) = await studio.prompts.claim(1, "w", 30)
    outcome = (
        Failed("Not this.", "refused") if fails
        else Done(GeneratedPrompt(text=PROMPT, model="grok-4.7"))
    )  # fmt: skip
    await studio.prompts.settle([outcome_as_json(claim, outcome)])
    return claim.job_id


async def test_a_job_with_a_prompt_goes_its_whole_way(studio: Studio) -> None:
    """Queued, bought, running, made, saved; jobs and model_rows follow in their own words."""
    job_id, prompt_job_id = await studio.create(priority=7)
    assert prompt_job_id is None
    (claim,) = await studio.claim()
    assert (claim.order_id, claim.prompt, claim.status) == (job_id, PROMPT, "submitting")
    seen = [await studio.sql("select status from public.jobs where id = $1", job_id)]
    steps: list[tuple[str, dict[str, Any]]] = [
        ("submitted", {"prediction_id": "p1"}), ("running", {}),
        ("made", {"provider_outputs": ["https://cdn/1"], "nsfw": False}),
        ("succeeded", {"outputs": OUTPUTS}),
    ]  # fmt: skip
    for outcome, more in steps:
        assert (await studio.settle(claim, outcome, **more))[0]
        seen.append(await studio.sql("select status from public.jobs where id = $1", job_id))
        await studio.due()
        claims = await studio.claim()
        claim = claims[0] if claims else claim
    assert seen == ["queued", "submitted", "running", "saving", "succeeded"]
    row = await studio.row_of(job_id)
    assert (row.status, list(row.outputs), row.nsfw) == ("succeeded", OUTPUTS, False)
    assert await studio.sql("select status from public.model_rows where id = $1", studio.row) == (
        "done"
    )
    assert await studio.sql(
        "select request_payload ->> 'prompt' from public.jobs where id = $1", job_id
    ) == PROMPT  # fmt: skip
    assert await studio.kinds(job_id) == [
        "picture_created", "picture_submitted", "picture_running", "picture_made",
        "picture_succeeded",
    ]  # fmt: skip


async def test_it_waits_for_its_prompt_and_goes_on_in_the_same_transaction(studio: Studio) -> None:
    """Nobody has to look; until then no worker holds it."""
    job_id, prompt_job_id = await studio.create(use_ai_prompt=True, count=3)
    assert await studio.claim(9) == []
    status = "select prompt_status from public.jobs where id = $1"
    assert await studio.sql(status, job_id) == "generating"
    assert await settle_prompt(studio) == prompt_job_id
    assert await studio.sql(status, job_id) == "completed"
    claims = await studio.claim(9)
    assert [(claim.number, claim.prompt) for claim in claims] == [(n, PROMPT) for n in (1, 2, 3)]


async def test_a_failed_prompt_fails_it_and_a_retry_or_a_hand_mends_it(studio: Studio) -> None:
    """With the prompt's own reason; then it waits again, or goes on at once."""
    for by_hand in (False, True):
        job_id, prompt_job_id = await studio.create(use_ai_prompt=True)
        assert prompt_job_id is not None
        await settle_prompt(studio, fails=True)
        row = await studio.row_of(job_id)
        assert (row.status, row.error, row.error_code) == ("failed", "Not this.", "refused")
        assert await studio.sql("select status from public.jobs where id = $1", job_id) == "failed"
        if by_hand:
            await studio.prompts.supply(prompt_job_id, "By hand.", None, "test", successor=False)
        else:
            assert await studio.store.retry(job_id, None, "test") == "retried"
            assert await studio.status(job_id) == "waiting_prompt"
            await settle_prompt(studio)
        (claim,) = await studio.claim()
        assert claim.prompt == ("By hand." if by_hand else PROMPT)


async def test_a_cancelled_prompt_ends_what_waits_for_it(studio: Studio) -> None:
    """With a sentence."""
    job_id, prompt_job_id = await studio.create(use_ai_prompt=True)
    assert prompt_job_id is not None
    await studio.prompts.cancel(prompt_job_id)
    row = await studio.row_of(job_id)
    assert (row.status, row.error_code) == ("failed", "prompt_cancelled")


async def test_what_a_job_lacks_is_said(studio: Studio) -> None:
    """No picture, no prompt, no such row; nothing is left behind."""
    for missing, words in (("target_url", "targetUrl"), ("prompt", "useAiPrompt")):
        with pytest.raises(JobIncomplete, match=words):
            await studio.create(**{missing: None})
    with pytest.raises(RowMissing):
        await studio.intake.create(
            NewPictureJob(row_id=uuid4(), user_id=None, generation_model=SEEDREAM, prompt=PROMPT)
        )
    assert await studio.sql("select count(*) from public.jobs") == 0
    await studio.sql(
        "update public.model_rows set target_url = 'https://e.com/own', prompt = 'Of the row.', "
        "ref_urls = '{https://e.com/r}' where id = $1", studio.row,
    )  # fmt: skip
    job_id, _ = await studio.create(target_url=None, prompt=None)
    (claim,) = await studio.claim()
    assert (claim.order_id, claim.target_url, claim.prompt, claim.ref_urls) == (
        job_id, "https://e.com/own", "Of the row.", ("https://e.com/r",),
    )  # fmt: skip


async def test_a_key_makes_one_job(studio: Studio) -> None:
    """Twenty at once; and another body with it is refused."""
    key = IdempotencyKey(user_id=uuid4(), key="k", fingerprint=b"one")
    job = NewPictureJob(
        row_id=studio.row, user_id=None, generation_model=SEEDREAM, prompt=PROMPT,
        target_url="https://e.com/t",
    )  # fmt: skip
    made = await asyncio.gather(
        *(
            studio.intake.create(job, key, lambda i, _p, _a: Reply(response={"jobId": str(i)}))
            for _ in range(20)
        )
    )
    assert len({one.job_id for one in made}) == 1
    assert sum(not one.replayed for one in made) == 1
    other = IdempotencyKey(user_id=key.user_id, key="k", fingerprint=b"two")
    with pytest.raises(KeyReused):
        await studio.intake.create(job, other)


async def test_only_the_holder_settles_but_what_is_bought_or_saved_counts(studio: Studio) -> None:
    """From a worker that lost its lease too, as long as nobody else bought it."""
    job_id, _ = await studio.create()
    (claim,) = await studio.claim(lease=-1)
    assert await studio.workers.look_after()
    assert await studio.status(job_id) == "queued"
    assert not (await studio.settle(claim, "failed", error="x"))[0]
    assert (await studio.settle(claim, "submitted", prediction_id="p1", delay=60))[0]
    assert (await studio.row_of(job_id)).status == "submitted"
    assert await studio.claim() == []
    assert not (await studio.settle(claim, "submitted", prediction_id="p2"))[0]
    assert "picture_bought_twice" in await studio.kinds(job_id)


async def test_a_message_about_another_picture_is_not_noted(studio: Studio) -> None:
    """Sent to the wrong address it neither gives a task away nor takes the right one's place."""
    owner, _ = await studio.create()
    (claim,) = await studio.claim()
    right, _ = await studio.intend(claim)
    await studio.settle(claim, "submitted", prediction_id="p1", delay=60)
    other, _ = await studio.create()
    (claim,) = await studio.claim()
    wrong, _ = await studio.intend(claim)
    await studio.settle(claim, "unknown")
    assert await studio.store.hint(wrong, "p1", "w1") == "unknown"
    assert await studio.status(other) == "submission_unknown"
    assert not {"picture_hinted", "picture_bought_twice"} & {*await studio.kinds(other)}
    assert await studio.store.hint(right, "p1", "w1") == "taken"
    assert "picture_hinted" in await studio.kinds(owner)


async def test_a_worker_that_dies_in_a_submit_leaves_it_unknown(studio: Studio) -> None:
    """If an intent was written; else it is simply queued again, and set aside the third time."""
    job_id, _ = await studio.create()
    (claim,) = await studio.claim(lease=-1)
    call, verdict = await studio.intend(claim)
    assert verdict == "granted"
    await studio.workers.look_after()
    assert await studio.status(job_id) == "submission_unknown"
    await buy_and_die(studio)
    submit = await studio.store.last_submit(claim.job_id)
    assert submit is not None
    assert submit.call_id == call
    other, _ = await studio.create()
    for _ in range(3):
        assert len(await studio.claim(9, lease=-1)) >= 1
        await studio.workers.look_after()
    row = await studio.row_of(other)
    assert (row.status, row.error_code) == ("failed", "worker_died")
    assert await studio.status(job_id) == "submission_unknown"


async def buy_and_die(studio: Studio) -> None:
    """It heard what it had bought, wrote the end of the call, and died before the settle."""
    job_id, _ = await studio.create()
    (claim,) = [one for one in await studio.claim(9, lease=-1) if one.order_id == job_id]
    call, _ = await studio.intend(claim)
    await studio.prompts.end_calls([CallEnd(call, answered=True, http_status=200)])
    await studio.workers.look_after()
    assert await studio.status(job_id) == "submission_unknown"
    await studio.store.cancel(job_id)


@pytest.mark.parametrize("outcome", ["released", "postponed", "retry", "failed"])
async def test_a_submit_that_is_stopped_half_way_is_never_forgotten(
    studio: Studio, outcome: str
) -> None:
    """Whatever its worker says of it: without an answer it may be bought."""
    job_id, _ = await studio.create()
    (claim,) = await studio.claim()
    call, _ = await studio.intend(claim)
    await studio.prompts.end_calls([CallEnd(call, answered=False, error_code="interrupted")])
    assert await studio.settle(claim, outcome, error="x") == (True, "submission_unknown")
    assert await studio.status(job_id) == "submission_unknown"


async def test_a_task_that_failed_there_is_not_what_the_next_submit_bought(studio: Studio) -> None:
    """It is known by its name: neither a late webhook nor the history makes it the new one."""
    job_id, _ = await studio.create()
    (claim,) = await studio.claim()
    first, _ = await studio.intend(claim)
    await studio.prompts.end_calls([CallEnd(first, answered=True, http_status=200)])
    await studio.settle(claim, "submitted", prediction_id="p1")
    await studio.due()
    (claim,) = await studio.claim()
    assert await studio.settle(claim, "again", code="provider_unavailable") == (True, "queued")
    assert await studio.store.hint(first, "p1", "w1") == "late"
    (claim,) = await studio.claim()
    await studio.intend(claim)
    await studio.settle(claim, "unknown")
    await studio.due()
    (claim,) = await studio.claim()
    assert await studio.store.known(["p1", "p2"]) == {"p1"}
    assert await studio.settle(claim, "submitted", prediction_id="p1") == (
        True, "submission_unknown",
    )  # fmt: skip
    await studio.due()
    (claim,) = await studio.claim()
    assert await studio.settle(claim, "submitted", prediction_id="p2") == (True, "submitted")
    (row,) = await studio.store.find(job_id)
    assert (row.retry_count, row.resubmits) == (1, 0)


async def test_it_is_sent_again_once(studio: Studio) -> None:
    """The ledger grants two submits without an answer, and no third; a retry by hand does."""
    job_id, _ = await studio.create()
    verdicts = []
    for _ in range(3):
        (claim,) = await studio.claim()
        call, verdict = await studio.intend(claim)
        verdicts.append(verdict)
        if verdict != "granted":
            await studio.settle(claim, "failed", error="x", code=verdict)
            break
        await studio.prompts.end_calls([CallEnd(call, answered=False)])
        await studio.settle(claim, "unknown")
        await studio.due()
        (claim,) = await studio.claim()
        assert claim.status == "submission_unknown"
        await studio.settle(claim, "again")
    assert verdicts == ["granted", "granted", "outcome_unknown"]
    assert (await studio.row_of(job_id)).resubmits == 2
    assert await studio.store.retry(job_id, None, "test") == "retried"
    (claim,) = await studio.claim()
    assert (await studio.intend(claim))[1] == "granted"


async def hints(studio: Studio) -> tuple[UUID, UUID, Callable[..., Awaitable[str]]]:
    """A picture whose submit is unknown, its call, and a way to hint at it."""
    job_id, _ = await studio.create()
    (claim,) = await studio.claim()
    call, _ = await studio.intend(claim)
    await studio.prompts.end_calls([CallEnd(call, answered=False)])
    await studio.settle(claim, "unknown", delay=60)
    return job_id, call, studio.store.hint


async def test_a_webhook_tells_what_an_unknown_submit_had_bought(studio: Studio) -> None:
    """It is looked at at once; the ledger knows that it was answered."""
    job_id, call, hint = await hints(studio)
    assert await studio.claim() == []
    assert await hint(call, "p1", "w1") == "taken"
    assert await hint(call, "p1", "w1") == "repeated"
    (claim,) = await studio.claim()
    assert (claim.status, claim.prediction_id) == ("submitted", "p1")
    state = "select state from public.provider_calls where call_id = $1"
    assert await studio.sql(state, call) == "answered"
    assert await hint(uuid4(), "p1", "w2") == "unknown"
    assert await hint(call, "p2", "w3") == "late"
    assert "picture_bought_twice" in await studio.kinds(job_id)


@pytest.mark.parametrize("outcome", ["unknown", "again", "failed", "postponed"])
async def test_news_while_it_is_looked_at_are_not_lost(studio: Studio, outcome: str) -> None:
    """What a worker made of not knowing does not count: it is bought, and looked at at once."""
    _, call, hint = await hints(studio)
    await studio.due()
    (claim,) = await studio.claim()
    assert await hint(call, "p1", "w1") == "taken"
    assert await studio.settle(claim, outcome, delay=600, error="x") == (True, "submitted")
    (claim,) = await studio.claim()
    assert (claim.status, claim.prediction_id) == ("submitted", "p1")
    assert await studio.settle(claim, "failed", error="x") == (True, "failed")


async def test_one_prediction_belongs_to_one_picture(studio: Studio) -> None:
    """Two that are alike cannot both be told that they own it."""
    await studio.create(count=2)
    first, second = await studio.claim(2)
    assert await studio.settle(first, "submitted", prediction_id="p1") == (True, "submitted")
    assert await studio.settle(second, "submitted", prediction_id="p1") == (
        True, "submission_unknown",
    )  # fmt: skip


async def test_a_cancel_says_what_it_could_not_stop(studio: Studio) -> None:
    """Its prompt goes too, unless another job needs it; what is bought is told to the provider."""
    job_id, prompt_job_id = await studio.create(use_ai_prompt=True)
    receipt = await studio.store.cancel(job_id)
    assert (receipt.outcome, receipt.cancelled, receipt.at_provider) == ("cancelled", 1, 0)
    assert receipt.prompt_cancelled
    assert prompt_job_id is not None
    prompt = await studio.prompts.find_job(prompt_job_id)
    assert prompt is not None
    assert prompt.status == "cancelled"
    assert (await studio.store.cancel(job_id)).outcome == "already_cancelled"
    job_id, _ = await studio.create(count=2)
    first, _second = await studio.claim(2)
    await studio.settle(first, "submitted", prediction_id="p1", delay=60)
    receipt = await studio.store.cancel(job_id)
    assert (receipt.cancelled, receipt.at_provider) == (2, 2)
    (claim,) = await studio.claim(9)
    assert (claim.status, claim.prediction_id) == ("cancelled", "p1")
    assert await studio.settle(claim, "withdrawn") == (True, "cancelled")
    assert await studio.claim(9) == []
    assert not (await studio.settle(first, "made", provider_outputs=["x"]))[0]
    assert (await studio.store.cancel(uuid4())).outcome == "not_found"


async def test_no_more_are_with_the_provider_than_may_be(studio: Studio) -> None:
    """Also where several claim at once; those there are looked at all the same."""
    await studio.prompts.configure(pictures_at_once=3)
    for priority in range(1, 9):
        await studio.create(priority=priority)
    taken = await asyncio.gather(*(studio.claim(2) for _ in range(4)))
    claims = [claim for some in taken for claim in some]
    assert sorted(claim.priority for claim in claims) == [6, 7, 8]
    await studio.settle(claims[0], "submitted", prediction_id="p1")
    assert [claim.status for claim in await studio.claim(9)] == ["submitted"]
    await studio.settle(claims[1], "failed", error="x")
    assert len(await studio.claim(9)) == 1


async def test_a_pause_buys_nothing_and_looks_on(studio: Studio) -> None:
    """Of the whole queue, or of the provider."""
    await studio.create()
    (claim,) = await studio.claim()
    await studio.settle(claim, "submitted", prediction_id="p1")
    await studio.create()
    for model in ("", "wavespeed"):
        await studio.sql("insert into public.prompt_queue_pauses (model, actor) values ($1, 'me')",
                         model)  # fmt: skip
        claims = await studio.claim(9)
        assert [found.status for found in claims] == ["submitted"]
        await studio.settle(claims[0], "waiting")
        await studio.sql("delete from public.prompt_queue_pauses")


async def test_words_of_the_users_own(studio: Studio) -> None:
    """As set; a rule of the user's table that refuses a word stops nothing."""
    await studio.prompts.configure(
        job_words={"queued": "wartend", "failed": None}, row_words={"queued": None}
    )
    job_id, _ = await studio.create()
    assert await studio.sql("select status from public.jobs where id = $1", job_id) == "wartend"
    assert await studio.sql("select status from public.model_rows where id = $1", studio.row) == (
        "idle"
    )
    (claim,) = await studio.claim()
    await studio.settle(claim, "failed", error="x")
    assert await studio.sql("select status from public.jobs where id = $1", job_id) == "wartend"
    await studio.sql(
        "alter table public.jobs add constraint mine check (status in ('wartend', 'queued'))"
    )
    job_id, _ = await studio.create()
    (claim,) = await studio.claim()
    assert await studio.settle(claim, "submitted", prediction_id="p9") == (True, "submitted")
    assert "projection_refused" in await studio.kinds(job_id)


async def test_tables_that_were_there_keep_what_is_theirs(studio: Studio) -> None:
    """Columns that we do not know stay; columns that are missing are not missed."""
    await studio.sql(
        "alter table public.jobs add column flavour text default 'sweet', drop column error, "
        "drop column request_payload, drop column updated_at"
    )
    await studio.sql("alter table public.model_rows drop column status")
    job_id, _ = await studio.create()
    (claim,) = await studio.claim()
    assert (await studio.settle(claim, "failed", error="x"))[0]
    found = "select status || ' ' || flavour from public.jobs where id = $1"
    assert await studio.sql(found, job_id) == "failed sweet"
