"""GET /api/ops/jobs/{jobId}: everything that is known of one job, whoever owns it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from prompt_queue.api.auth import PartsOf, require_ops_read
from prompt_queue.api.job_ids import PictureJobId, job_id_of, no_such_job
from prompt_queue.api.jobs import look_at
from prompt_queue.api.ops_job_schemas import (
    OpsAttempt,
    OpsCall,
    OpsEvent,
    OpsJobPageView,
    OpsReceipts,
    OpsTimeline,
)
from prompt_queue.api.parts import Parts
from prompt_queue.api.picture_schemas import PictureJobView
from prompt_queue.api.problems import documented
from prompt_queue.api.schemas import JobView
from prompt_queue.api.timelines import webhook_line
from prompt_queue.api.views import answer, job_view
from prompt_queue.jobs.attempts import Attempt, attempts_of, picture_attempts
from prompt_queue.jobs.job import PromptJob, Status
from prompt_queue.jobs.picture import PictureRow

router = APIRouter(tags=["operator"])


@router.get(
    "/api/ops/jobs/{jobId}",
    summary="Everything that is known of a job",
    response_model=OpsJobPageView,
    responses=documented(
        "unauthorized", "forbidden", "identity_unavailable", "cron_disabled",
        "database_unavailable", "schema_behind",
        "misdirected_host", "job_not_found", "invalid_id",
    ),
    dependencies=[Depends(require_ops_read)],
)  # fmt: skip
async def read_job(job_id: PictureJobId, parts: PartsOf) -> Response:
    """Of a prompt job or a job with pictures: attempts, calls, costs, events, webhooks."""
    wanted = job_id_of(job_id, "jobId")
    prompt = await parts.prompt_store.find_job(wanted)
    if prompt is not None:
        return answer(await _prompt_page(parts, prompt))
    rows = await parts.picture_store.find(wanted)
    if not rows:
        raise no_such_job(wanted)
    return answer(await _picture_page(parts, rows))


async def _prompt_page(parts: Parts, job: PromptJob) -> OpsJobPageView:
    place = await parts.prompt_store.place(job.id) if job.status is Status.QUEUED else None
    outlook = await parts.forecasts.outlook()
    view = job_view(job, place, outlook, base_url=parts.base_url, stand_in=parts.stand_in)
    events = await parts.ops_store.events([job.id])
    calls = await parts.ops_store.calls([job.id])
    return await _page(
        parts, view, user_id=job.user_id, subjects=[job.id], events=events, calls=calls,
        attempts=attempts_of(events, calls),
        dependents=await parts.ops_store.dependents(job.id),
        is_running=job.status is Status.PROCESSING,
    )  # fmt: skip


async def _picture_page(parts: Parts, rows: list[PictureRow]) -> OpsJobPageView:
    first = rows[0]
    view, _ = await look_at(parts, rows)
    prompts = [first.prompt_job_id] if first.prompt_job_id else []
    ids = [first.job_id, *prompts]
    events = await parts.ops_store.events(ids)
    calls = await parts.ops_store.calls([*prompts, *(row.id for row in rows)])
    of_prompt = [event for event in events if event["job_id"] in prompts]
    prompt_calls = [call for call in calls if call["job_id"] in prompts]
    bought = [call for call in calls if call["job_id"] not in prompts]
    return await _page(
        parts, view, user_id=first.user_id, subjects=ids, events=events, calls=calls,
        attempts=[*attempts_of(of_prompt, prompt_calls), *picture_attempts(bought)],
        prompt_job_id=first.prompt_job_id,
        is_running=not view.status.is_final,
    )  # fmt: skip


async def _page(
    parts: Parts,
    view: JobView | PictureJobView,
    *,
    user_id: UUID,
    subjects: Sequence[UUID],
    events: Sequence[Mapping[str, Any]],
    calls: Sequence[Mapping[str, Any]],
    attempts: Sequence[Attempt],
    is_running: bool,
    dependents: Sequence[UUID] = (),
    prompt_job_id: UUID | None = None,
) -> OpsJobPageView:
    spent = float(sum(call["cost_usd"] or 0 for call in calls))
    unanswered = [call for call in calls if call["state"] != "answered"]
    in_flight = is_running and any(call["state"] == "sent" for call in calls)
    return OpsJobPageView(
        kind="prompt" if isinstance(view, JobView) else "picture",
        job=view,
        user_id=user_id,
        waiting_reason=view.waiting_reason,
        eta=view.eta,
        eta_reason=view.eta_reason,
        cost_usd=spent,
        receipts=OpsReceipts(
            calls=len(calls),
            unresolved=len(unanswered),
            call_in_flight=in_flight,
            spent_usd=spent,
        ),
        dependents=list(dependents),
        prompt_job_id=prompt_job_id,
        attempts=[OpsAttempt.model_validate(_attempt(one)) for one in attempts],
        timeline=OpsTimeline(
            events=[_event(event) for event in events],
            calls=[OpsCall.model_validate(dict(call)) for call in calls],
            webhooks=[
                webhook_line(one) for one in await parts.webhook_store.deliveries_of(subjects)
            ],
        ),
    )


def _attempt(one: Attempt) -> Mapping[str, Any]:
    return {name: getattr(one, name) for name in Attempt.__slots__}


def _event(event: Mapping[str, Any]) -> OpsEvent:
    said = event["data"]
    known = {"actor": said.get("actor"), "reason": said.get("reason")}
    return OpsEvent.model_validate({**event, **known})
