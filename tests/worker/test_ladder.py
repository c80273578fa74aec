"""How far down the ladder a prompt comes from: first model, other models, template, existing."""

from collections.abc import Callable
from uuid import UUID

import pytest

from prompt_queue.generation.templates import Look, template_prompt
from prompt_queue.jobs.job import MinQuality, Operation, PromptJob, Status
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.testing import PictureServer, StandIn
from tests.photographs import plain
from tests.worker.conftest import SettingsFactory, running
from tests.worker.test_worker import enqueue, settled

CHAIN = "grok-4.7,grok-4.6"
WISH = "keep it subtle"
OLD = "Make the coat red and leave the rest alone."


@pytest.fixture
def store(database: Database) -> PromptStore:
    return PromptStore(database)


@pytest.fixture
def ended(
    database: Database,
    store: PromptStore,
    demo: UUID,
    make_settings: SettingsFactory,
    picture_server: PictureServer,
) -> Callable[..., PromptJob]:
    """Queues a job with these values, works on it with these settings, and waits for its end."""

    async def work(settings: dict[str, object] | None = None, **values: object) -> PromptJob:
        target = picture_server.add("t.png", plain("teal"))
        job_id = await enqueue(database, demo, target, **values)
        async with running(make_settings(models=CHAIN, **(settings or {})), database):
            return await settled(store, job_id)

    return work


def asked(stand_in: StandIn) -> list[str]:
    return [call["model"] for call in stand_in.calls()]


async def test_a_template_comes_when_all_retries_and_models_are_used_up(
    ended: Callable[..., PromptJob], store: PromptStore, xai_stand_in: StandIn
) -> None:
    """It is labelled, it is a prompt that can be used, and the timeline says why it came."""
    xai_stand_in.script({"fault": "status", "status": 500, "times": -1})
    job = await ended(max_retries=1)
    assert (job.status, job.error, job.error_code) == (Status.COMPLETED, None, None)
    assert (job.source, job.model, job.strategy) == ("template", None, "template-v2")
    assert (job.degraded, job.generated_prompt) == (
        True, template_prompt(0, Look(64, 64, ("teal",))),
    )  # fmt: skip
    assert asked(xai_stand_in) == ["grok-4.7", "grok-4.7", "grok-4.6"]
    last = (await store.events(job.id))[-1]
    reason = {name: last["data"].get(name) for name in ("source", "code")}
    assert (last["kind"], reason) == (
        "completed", {"source": "template", "code": "provider_unavailable"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("quality", "calls"),
    [
        (MinQuality.MODEL, ["grok-4.7"] * 2),
        (MinQuality.ANY_MODEL, ["grok-4.7", "grok-4.7", "grok-4.6"]),
    ],
)
async def test_a_request_may_forbid_the_lower_rungs(
    ended: Callable[..., PromptJob], xai_stand_in: StandIn, quality: MinQuality, calls: list[str]
) -> None:
    """Then the job fails with the reason, after exactly the models that it allows."""
    xai_stand_in.script({"fault": "status", "status": 500, "times": -1})
    job = await ended(max_retries=1, min_quality=quality)
    assert (job.status, job.error_code, job.generated_prompt) == (
        Status.FAILED, "provider_unavailable", None,
    )  # fmt: skip
    assert (job.min_quality, asked(xai_stand_in)) == (quality, calls)


async def test_the_second_model_answers_when_the_first_is_gone(
    ended: Callable[..., PromptJob], xai_stand_in: StandIn
) -> None:
    """At once, without a retry, and the result says that it is not the first model's."""
    xai_stand_in.script({"fault": "model_not_found", "model": "grok-4.7", "times": -1})
    job = await ended()
    assert (job.status, job.model, job.retry_count) == (
        Status.COMPLETED, "stand-in:grok-4.6", 0,
    )  # fmt: skip
    assert (job.source, job.strategy, job.degraded) == ("model", "generate-1", True)


async def test_the_first_models_prompt_is_not_degraded(ended: Callable[..., PromptJob]) -> None:
    """The label is for what comes from below."""
    job = await ended()
    assert (job.source, job.degraded, job.strategy) == ("model", False, "generate-1")


async def test_a_refusal_is_never_worked_around(
    ended: Callable[..., PromptJob], xai_stand_in: StandIn
) -> None:
    """No other model, no retry, no template."""
    xai_stand_in.script({"fault": "safety", "times": -1})
    job = await ended()
    assert (job.status, job.error_code, job.generated_prompt) == (Status.FAILED, "refused", None)
    assert asked(xai_stand_in) == ["grok-4.7"]


async def test_enhance_sends_the_prompt_and_the_wishes(
    ended: Callable[..., PromptJob], xai_stand_in: StandIn
) -> None:
    """The answer is a new prompt, made by the words for this operation."""
    job = await ended(operation=Operation.ENHANCE, existing_prompt=OLD, user_instructions=WISH)
    assert (job.status, job.operation, job.strategy) == (
        Status.COMPLETED, "enhance", "enhance-1",
    )  # fmt: skip
    assert job.generated_prompt not in {None, OLD}
    assert len(asked(xai_stand_in)) == 1


async def test_enhance_ends_with_the_existing_prompt(
    ended: Callable[..., PromptJob], xai_stand_in: StandIn
) -> None:
    """Where no model helps it comes back as it was, and says so."""
    xai_stand_in.script({"fault": "status", "status": 500, "times": -1})
    job = await ended(max_retries=0, operation=Operation.ENHANCE, existing_prompt=OLD)
    assert (job.status, job.generated_prompt) == (Status.COMPLETED, OLD)
    assert (job.source, job.degraded) == ("existing", True)


@pytest.mark.parametrize("quality", [MinQuality.TEMPLATE_OK, MinQuality.ANY_MODEL])
async def test_the_time_limit_ends_in_a_template_or_a_failure(
    ended: Callable[..., PromptJob], store: PromptStore, xai_stand_in: StandIn, quality: MinQuality
) -> None:
    """A provider that is busy for ever does not keep a job for ever."""
    await store.configure(job_seconds=0.5)
    xai_stand_in.script({"fault": "rate_limit", "times": -1, "retryAfter": 2})
    job = await ended(min_quality=quality)
    if quality is MinQuality.TEMPLATE_OK:
        assert (job.status, job.source, job.error) == (Status.COMPLETED, "template", None)
        assert (await store.events(job.id))[-1]["data"]["code"] == "rate_limited"
    else:
        assert (job.status, job.error_code) == (Status.FAILED, "rate_limited")
    assert job.retry_count == 0
