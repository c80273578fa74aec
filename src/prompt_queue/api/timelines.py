"""What happened to a job: its events, its paid calls, who was told of it."""

from typing import Any

from fastapi import APIRouter, Response

from prompt_queue.api.auth import PartsOf, Reader
from prompt_queue.api.job_ids import JobId, PictureJobId, job_id_of, no_such_job
from prompt_queue.api.picture_schemas import PictureTimeline
from prompt_queue.api.problems import documented
from prompt_queue.api.schemas import Timeline, TimelineWebhook
from prompt_queue.api.views import answer
from prompt_queue.store.webhook_store import Delivery

router = APIRouter()
_ANSWERS = documented(
    "unauthorized", "forbidden", "identity_unavailable", "database_unavailable", "schema_behind",
    "misdirected_host", "job_not_found", "invalid_id",
)  # fmt: skip


@router.get(
    "/api/prompt/queue/{promptJobId}/timeline",
    tags=["prompts"],
    summary="What happened to a job",
    response_model=Timeline,
    responses=_ANSWERS,
)
async def read_timeline(job_id: JobId, parts: PartsOf, caller: Reader) -> Response:
    """Events, paid calls and webhooks, oldest first."""
    wanted = job_id_of(job_id)
    if await parts.prompt_store.find_job(wanted, caller.user_id) is None:
        raise no_such_job(wanted)
    timeline: dict[str, Any] = {
        "prompt_job_id": wanted,
        "events": await parts.prompt_store.events(wanted),
        "calls": await parts.prompt_store.calls(wanted),
        "webhooks": [
            webhook_line(one) for one in await parts.webhook_store.deliveries_of([wanted])
        ],
    }
    return answer(Timeline.model_validate(timeline))


@router.get(
    "/api/jobs/{jobId}/timeline",
    tags=["pictures"],
    summary="What happened to a picture job",
    response_model=PictureTimeline,
    responses=_ANSWERS,
)
async def read_picture_timeline(job_id: PictureJobId, parts: PartsOf, caller: Reader) -> Response:
    """Events, paid calls and webhooks of the job, its prompt and its pictures, oldest first."""
    wanted = job_id_of(job_id, "jobId")
    rows = await parts.picture_store.find(wanted, caller.user_id)
    if not rows:
        raise no_such_job(wanted)
    prompts = [rows[0].prompt_job_id] if rows[0].prompt_job_id else []
    told = await parts.webhook_store.deliveries_of([wanted, *prompts])
    timeline: dict[str, Any] = {
        "job_id": wanted,
        "events": await parts.picture_store.events([wanted, *prompts]),
        "calls": await parts.picture_store.calls([*prompts, *(row.id for row in rows)]),
        "webhooks": [webhook_line(one) for one in told],
    }
    return answer(PictureTimeline.model_validate(timeline))


def webhook_line(delivery: Delivery) -> TimelineWebhook:
    """A message as a timeline has it."""
    values = {name: getattr(delivery, name) for name in TimelineWebhook.model_fields}
    return TimelineWebhook.model_validate(values)
