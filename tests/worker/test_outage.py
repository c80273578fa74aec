"""What a worker does while models are out of order: ask little, wait, fall back where it may."""

from uuid import UUID

import asyncpg
import pytest

from prompt_queue.jobs.job import MinQuality, PromptJob, Status
from prompt_queue.store.database import Database
from prompt_queue.store.model_store import ModelStore
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.testing import PictureServer, StandIn
from tests.conftest import until
from tests.photographs import plain
from tests.worker.conftest import SettingsFactory, running
from tests.worker.test_worker import enqueue, settled

CHAIN = ("grok-4.7", "grok-4.6")


class Outage:
    """Jobs, a provider with a fault, and the breakers."""

    def __init__(
        self, database: Database, row: UUID, stand_in: StandIn, pictures: PictureServer
    ) -> None:
        self.database = database
        self.row = row
        self.stand_in = stand_in
        self.pictures = pictures
        self.store = PromptStore(database)
        self.models = ModelStore(database)

    async def queue(self, count: int = 1, **values: object) -> list[UUID]:
        target = self.pictures.add("t.png", plain("teal"))
        return [await enqueue(self.database, self.row, target, **values) for _ in range(count)]

    async def waiting(self, job_id: UUID, code: str) -> PromptJob:
        async def waits() -> PromptJob | None:
            job = await self.store.find_job(job_id)
            fits = job and (job.status, job.error_code) == (Status.QUEUED, code)
            return job if fits else None

        found = await until(waits)
        assert isinstance(found, PromptJob)
        return found

    async def close(self) -> None:
        for model in CHAIN:
            await self.models.set_breaker(
                model, is_open=False, seconds=None, reason=None, actor="test"
            )

    async def wake(self) -> None:
        """The waits of all jobs are over."""
        connection = await asyncpg.connect(self.database.dsn)
        await connection.execute(
            "update public.prompt_job_queue set next_attempt_at = clock_timestamp() "
            "where state = 'delayed'"
        )
        await connection.close()


@pytest.fixture
def outage(
    database: Database, demo: UUID, xai_stand_in: StandIn, picture_server: PictureServer
) -> Outage:
    return Outage(database, demo, xai_stand_in, picture_server)


@pytest.mark.parametrize(
    ("fault", "code"),
    [({"fault": "credits"}, "out_of_credit"), ({"fault": "status", "status": 401,
      "body": {"code": "unauthenticated", "error": "Incorrect API key"}}, "misconfigured")],
    ids=["credit", "key"],
)  # fmt: skip
async def test_no_credit_and_a_wrong_key_cost_one_call_and_no_job(
    outage: Outage, make_settings: SettingsFactory, fault: dict[str, object], code: str
) -> None:
    """One call finds out; all others wait without a retry, and go on when it is mended."""
    outage.stand_in.script(fault | {"times": -1})
    first, *others = await outage.queue(8, min_quality=MinQuality.MODEL)
    async with running(make_settings(models=CHAIN, concurrency=1), outage.database):
        assert (await outage.waiting(first, code)).retry_count == 0
        for job_id in others:
            assert (await outage.waiting(job_id, "breaker_open")).retry_count == 0
        assert len(outage.stand_in.calls()) == 1
        outage.stand_in.clear_faults()
        await outage.close()
        await outage.wake()
        for job_id in (first, *others):
            job = await settled(outage.store, job_id)
            assert (job.status, job.retry_count, job.source) == (Status.COMPLETED, 0, "model")


async def test_while_all_models_are_open_each_request_ends_as_it_allows(
    outage: Outage, make_settings: SettingsFactory
) -> None:
    """Nobody is asked: a template where it is allowed, a wait where a model must answer."""
    for model in CHAIN:
        await outage.models.set_breaker(
            model, is_open=True, seconds=None, reason="maintenance", actor="test"
        )
    (lax,) = await outage.queue(min_quality=MinQuality.TEMPLATE_OK)
    strict = await outage.queue(min_quality=MinQuality.MODEL)
    strict += await outage.queue(min_quality=MinQuality.ANY_MODEL)
    async with running(make_settings(models=CHAIN, outage_seconds=0.5), outage.database):
        job = await settled(outage.store, lax)
        assert (job.status, job.source, job.degraded) == (Status.COMPLETED, "template", True)
        assert (await outage.store.events(lax))[-1]["data"]["code"] == "breaker_open"
        for job_id in strict:
            assert (await outage.waiting(job_id, "breaker_open")).retry_count == 0
        assert outage.stand_in.calls() == []
        await outage.close()
        await outage.wake()
        for job_id in strict:
            assert (await settled(outage.store, job_id)).source == "model"


async def test_a_short_outage_is_waited_out_for_the_models_own_prompt(
    outage: Outage, make_settings: SettingsFactory
) -> None:
    """A template is for outages that last: within its patience a request waits."""
    await outage.models.set_breaker(CHAIN[0], is_open=True, seconds=1, reason=None, actor="test")
    (job_id,) = await outage.queue()
    async with running(make_settings(models=CHAIN[:1]), outage.database):
        await outage.waiting(job_id, "breaker_open")
        job = await settled(outage.store, job_id)
    assert (job.source, job.degraded, job.retry_count) == ("model", False, 0)
    (health,) = [model for model in await outage.models.models() if model.model == CHAIN[0]]
    assert health.state == "closed"


async def test_the_next_model_answers_while_the_first_is_open(
    outage: Outage, make_settings: SettingsFactory
) -> None:
    """Without a call to the first one, and labelled."""
    await outage.models.set_breaker(CHAIN[0], is_open=True, seconds=None, reason=None, actor="test")
    (job_id,) = await outage.queue()
    async with running(make_settings(models=CHAIN), outage.database):
        job = await settled(outage.store, job_id)
    assert (job.model, job.degraded) == ("stand-in:grok-4.6", True)
    assert [call["model"] for call in outage.stand_in.calls()] == ["grok-4.6"]


async def test_faults_of_many_jobs_open_the_breaker(
    outage: Outage, make_settings: SettingsFactory
) -> None:
    """A provider that is down is asked a few times, not by every job in the queue."""
    outage.stand_in.script({"fault": "status", "status": 503, "times": -1})
    ids = await outage.queue(60, min_quality=MinQuality.MODEL)
    settings = make_settings(models=CHAIN[:1], concurrency=4, retry_base_delay_ms=1000)
    async with running(settings, outage.database):
        for job_id in ids[30:]:
            await outage.waiting(job_id, "breaker_open")
        assert len(outage.stand_in.calls()) < 15


async def test_a_model_that_is_not_listed_is_skipped(
    outage: Outage, make_settings: SettingsFactory
) -> None:
    """Looked up at the start; no call is wasted on it, and health says so."""
    settings = make_settings(models=("grok-retired", *CHAIN))
    async with running(settings, outage.database) as crew:
        assert await crew.model_watch.look()
        (job_id,) = await outage.queue()
        job = await settled(outage.store, job_id)
    assert (job.model, job.degraded) == ("stand-in:grok-4.7", False)
    assert [call["model"] for call in outage.stand_in.calls()] == ["grok-4.7"]
    listed = {model.model: model.listed for model in await outage.models.models()}
    assert listed == {"grok-retired": False, "grok-4.7": True, "grok-4.6": True}


async def test_a_pass_recalls_what_a_worker_learned(
    outage: Outage, make_settings: SettingsFactory
) -> None:
    """A cron pass of a minute asks the provider for its list at most once a day."""
    await outage.models.note_listed(CHAIN, {CHAIN[1]})
    async with running(make_settings(models=CHAIN), outage.database) as crew:
        await crew.model_watch.recall()
        (job_id,) = await outage.queue()
        job = await settled(outage.store, job_id)
    assert job.model == "stand-in:grok-4.6"


async def test_a_list_that_cannot_be_read_changes_nothing(
    outage: Outage, make_settings: SettingsFactory
) -> None:
    """All models are asked as configured."""
    settings = make_settings(models=CHAIN, xai_api_key="xai-somebody-elses")
    async with running(settings, outage.database) as crew:
        assert not await crew.model_watch.look()
    assert await outage.models.models() == []
