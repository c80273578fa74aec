"""Putting jobs into the queue, and looking at one."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from prompt_queue.api.auth import Canceller, Enqueuer, JobReader, PartsOf, Reader
from prompt_queue.api.bodies import documented_body, json_body
from prompt_queue.api.callers import Caller
from prompt_queue.api.conditional import (
    KEPT_BY_ONE,
    idempotency_key,
    job_etag,
    matches,
    preferred_wait,
    wait_parameter,
)
from prompt_queue.api.estimates import poll_after
from prompt_queue.api.job_ids import JobId, job_id_of, no_such_job
from prompt_queue.api.parts import Parts
from prompt_queue.api.problems import Problem, documented
from prompt_queue.api.requests import EnqueueRequest
from prompt_queue.api.room import ROOM, check_room, refuse_retry, too_much
from prompt_queue.api.schemas import (
    Accepted,
    Cancelled,
    JobView,
    QueueStatsView,
    Receipt,
)
from prompt_queue.api.streams import ALSO_STREAMED
from prompt_queue.api.urls import check_pictures
from prompt_queue.api.views import (
    acceptance_headers,
    accepted,
    answer,
    job_view,
    key_reused,
    refused_job,
)
from prompt_queue.api.webhook_urls import wish_of
from prompt_queue.failpoints import reached
from prompt_queue.jobs.job import PromptJob, Status
from prompt_queue.jobs.priority import DEFAULT
from prompt_queue.store.intake import (
    Enqueued,
    IdempotencyKey,
    JobRefused,
    KeyReused,
    NewJob,
    Reply,
    RowMissing,
    TooMuch,
)
from prompt_queue.store.prompt_store import Place

router = APIRouter(tags=["prompts"])
_BODY = ("malformed_json", "body_too_large", "unsupported_media_type", "body_timeout")
_ALWAYS = (
    "unauthorized", "forbidden", "identity_unavailable", "database_unavailable", "schema_behind",
    "misdirected_host",
)  # fmt: skip
_WRITE = (*_ALWAYS, "cross_origin")


@router.post(
    "/api/prompt/queue",
    summary="Queue a prompt",
    status_code=202,
    response_model=Accepted,
    responses={
        200: {"model": JobView, "description": "With `Prefer: wait=n`: the job has ended."},
        **documented(
            *_BODY, *_WRITE, "row_not_found", "invalid_request", "idempotency_key_reused", *ROOM
        ),
    },
    openapi_extra=documented_body(EnqueueRequest),
)
async def enqueue(
    request: Request,
    parts: PartsOf,
    caller: Enqueuer,
    idempotency: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Repeats of a request with one key make one job; kept for 24 hours.",
        ),
    ] = None,
    prefer: Annotated[
        str | None, Header(description="`wait=n`: hold the answer up to n seconds, at most 60.")
    ] = None,
) -> Response:
    """Answers at once with the id and an estimate; the prompt comes by asking for the job."""
    key = idempotency_key(idempotency)
    wanted = await json_body(request, EnqueueRequest)
    await check_room(parts)
    await check_pictures(parts, caller.user_id, wanted.target_url, wanted.ref_urls)
    queued, body = await _put_in(parts, caller, wanted, key)
    headers = {"Idempotency-Replayed": "true"} if queued.replayed else {}
    seconds = preferred_wait(prefer)
    if seconds is not None:
        headers["Preference-Applied"] = f"wait={seconds}"
        await parts.watch.until_final(queued.job_id, seconds)
        job = await parts.prompt_store.find_job(queued.job_id, caller.user_id)
        if job is not None and job.status.is_final:
            view, _ = await look_at(parts, job)
            return answer(view, 200, headers | {"Location": view.urls.self})
    headers |= acceptance_headers(body.urls, body.estimated_wait_time)
    return answer(body, 202, headers)


@router.get(
    "/api/prompt/queue",
    summary="Statistics of the queue",
    response_model=QueueStatsView,
    responses=documented(*_ALWAYS),
)
async def queue_statistics(parts: PartsOf, _caller: Reader) -> Response:
    """Counts, and waits in seconds; the estimate is for a job that is queued now."""
    stats, outlook = await parts.estimates.stats(), await parts.forecasts.outlook()
    return answer(
        QueueStatsView(
            total_queued=stats.total_queued,
            total_processing=stats.total_processing,
            total_completed=stats.total_completed,
            total_failed=stats.total_failed,
            average_wait_time=stats.avg_wait_time_seconds,
            estimated_wait_time=outlook.prompt(stats.total_queued, DEFAULT).seconds,
        )
    )


@router.get(
    "/api/prompt/queue/{promptJobId}",
    summary="Look at a job, or wait for it",
    response_model=JobView,
    responses={
        **ALSO_STREAMED,
        304: {"description": "The version of If-None-Match is still the present one."},
        **documented(*_ALWAYS, "job_not_found", "invalid_id", "invalid_parameter"),
    },
)
async def read_job(
    job_id: JobId,
    parts: PartsOf,
    caller: JobReader,
    wait: Annotated[
        str | None,
        Query(
            description="Seconds, at most 60, to wait until the job has ended; with If-None-Match "
            "until it changes.",
            json_schema_extra={"format": "number"},
        ),
    ] = None,
    if_none_match: Annotated[str | None, Header(description="An ETag seen before.")] = None,
) -> Response:
    """200 for every job of yours, whatever its state."""
    job = await _own_job(parts, caller, job_id)
    seconds = wait_parameter(wait)
    view, etag = await look_at(parts, job)
    stale = if_none_match is not None and not matches(if_none_match, etag)
    if seconds and not stale and not job.status.is_final:
        if if_none_match is None:
            await parts.watch.until_final(job.id, seconds)
        else:
            await parts.watch.until_changed(job.id, (job.status, job.changed_at), seconds)
        job = await _own_job(parts, caller, job_id)
        view, etag = await look_at(parts, job)
    headers = {"ETag": etag, **KEPT_BY_ONE}
    if not job.status.is_final:
        headers["Retry-After"] = str(poll_after(view.estimated_wait_time))
    if matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return answer(view, 200, headers)


@router.delete(
    "/api/prompt/queue/{promptJobId}",
    summary="Cancel a job",
    response_model=Cancelled,
    responses=documented(*_WRITE, "job_not_found", "invalid_id", "already_final"),
)
async def cancel_job(job_id: JobId, parts: PartsOf, caller: Canceller) -> Response:
    """At once and for good; the receipt says what had been spent. May be repeated."""
    found = job_id_of(job_id)
    receipt = await parts.prompt_store.cancel(found, caller.user_id)
    if receipt.status is None:
        raise no_such_job(found)
    if receipt.outcome == "already_final":
        raise Problem("already_final", f"The job has {receipt.status} already; nothing to cancel.")
    return answer(
        Cancelled(
            prompt_job_id=found,
            status=receipt.status,
            receipt=Receipt(
                spent_usd=float(receipt.spent_usd),
                calls=receipt.calls,
                call_in_flight=receipt.call_in_flight,
                saved_usd=None if receipt.saved_usd is None else float(receipt.saved_usd),
            ),
        )
    )


@router.post(
    "/api/prompt/queue/{promptJobId}/retry",
    summary="Try a failed job again",
    status_code=202,
    response_model=Accepted,
    responses=documented(
        *_WRITE, "job_not_found", "invalid_id", "not_failed", "too_many_queued",
        "unsupported_media_type",
    ),
)  # fmt: skip
async def retry_job(job_id: JobId, parts: PartsOf, caller: Enqueuer) -> Response:
    """Back into the queue with all its retries."""
    found = job_id_of(job_id)
    outcome = await parts.prompt_store.retry(found, caller.user_id, caller.actor)
    await refuse_retry(parts, caller.user_id, outcome)
    if outcome == "not_found":
        raise no_such_job(found)
    if outcome == "not_failed":
        raise Problem("not_failed", "The job has not failed, so there is nothing to retry.")
    job = await parts.prompt_store.find_job(found, caller.user_id)
    place = await parts.prompt_store.place(found) or Place(ahead=0, next_attempt_at=None)
    body, promise = accepted(
        found, place, job.priority if job else DEFAULT, await parts.forecasts.outlook(),
        base_url=parts.base_url, stand_in=parts.stand_in,
    )  # fmt: skip
    if promise is not None:
        await parts.wait_store.note(found, promise)
    return answer(body, 202, acceptance_headers(body.urls, body.estimated_wait_time))


async def _own_job(parts: Parts, caller: Caller, text: str) -> PromptJob:
    job_id = job_id_of(text)
    job = await parts.prompt_store.find_job(job_id, caller.user_id)
    if job is None:
        raise no_such_job(job_id)
    return job


async def look_at(parts: Parts, job: PromptJob) -> tuple[JobView, str]:
    """The job as its owner sees it, and its ETag."""
    place: Place | None = None
    if job.status is Status.QUEUED:
        place = await parts.prompt_store.place(job.id)
    outlook = await parts.forecasts.outlook()
    view = job_view(job, place, outlook, base_url=parts.base_url, stand_in=parts.stand_in)
    why = view.waiting_reason.code if view.waiting_reason else None
    return view, job_etag(job, view.position, view.next_attempt_at, why, job.feedback)


async def _put_in(
    parts: Parts, caller: Caller, wanted: EnqueueRequest, key: str | None
) -> tuple[Enqueued, Accepted]:
    outlook = await parts.forecasts.outlook()

    def respond(job_id: UUID, place: Place) -> Reply:
        body, promise = accepted(
            job_id, place, wanted.priority, outlook,
            base_url=parts.base_url, stand_in=parts.stand_in,
        )  # fmt: skip
        return Reply(response=body.model_dump(mode="json", by_alias=True), promise=promise)

    job = NewJob(
        row_id=wanted.row_id,
        target_url=wanted.target_url,
        ref_urls=tuple(wanted.ref_urls),
        priority=wanted.priority,
        user_id=caller.user_id,
        max_retries=parts.max_retries,
        min_quality=wanted.min_quality,
        operation=wanted.operation,
        existing_prompt=wanted.existing_prompt,
        user_instructions=wanted.user_instructions,
        identity_consent=wanted.identity_consent,
        cache=wanted.cache,
        stream=wanted.stream,
        webhook=wish_of(parts, wanted.webhook),
    )
    fingerprint = hashlib.sha256(wanted.model_dump_json().encode()).digest()
    scoped = (
        IdempotencyKey(user_id=caller.user_id, key=key, fingerprint=fingerprint) if key else None
    )
    try:
        queued = await parts.intake.enqueue(job, scoped, respond)
    except RowMissing as error:
        raise Problem("row_not_found", str(error)) from None
    except KeyReused:
        raise key_reused() from None
    except TooMuch as error:
        raise too_much(error) from None
    except JobRefused as error:
        raise refused_job(error) from error
    reached("enqueue.committed")
    return queued, Accepted.model_validate(queued.response)
