"""Creating jobs that become pictures."""

import hashlib
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response

from prompt_queue.api.auth import Enqueuer, PartsOf
from prompt_queue.api.bodies import documented_body, json_body
from prompt_queue.api.callers import Caller
from prompt_queue.api.conditional import idempotency_key
from prompt_queue.api.estimates import poll_after
from prompt_queue.api.parts import Parts
from prompt_queue.api.picture_requests import JobRequest
from prompt_queue.api.picture_schemas import Created
from prompt_queue.api.picture_views import created_view
from prompt_queue.api.problems import Problem, documented
from prompt_queue.api.room import ROOM, check_room, too_much
from prompt_queue.api.urls import check_pictures
from prompt_queue.api.views import answer, key_reused, refused_job
from prompt_queue.api.webhook_urls import usable_url, wish_of
from prompt_queue.jobs.errors import BadInput
from prompt_queue.jobs.generation_models import check_picture_count, find_picture_model
from prompt_queue.jobs.job import Operation
from prompt_queue.jobs.webhooks import Wish
from prompt_queue.store.intake import (
    IdempotencyKey,
    JobRefused,
    KeyReused,
    NewJob,
    Reply,
    RowMissing,
    TooMuch,
)
from prompt_queue.store.picture_intake import JobIncomplete, NewPictureJob
from prompt_queue.store.prompt_store import Place

router = APIRouter(tags=["pictures"])
_BODY = ("malformed_json", "body_too_large", "unsupported_media_type", "body_timeout")
_WRITE = (
    "unauthorized", "forbidden", "identity_unavailable", "database_unavailable", "schema_behind",
    "misdirected_host", "cross_origin",
)  # fmt: skip


@router.post(
    "/api/jobs/create",
    summary="Make a picture, with or without an AI prompt",
    status_code=202,
    response_model=Created,
    responses=documented(
        *_BODY, *_WRITE, "row_not_found", "invalid_request", "idempotency_key_reused",
        "no_picture_provider", *ROOM,
    ),
    openapi_extra=documented_body(JobRequest),
)  # fmt: skip
async def create_job(
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
) -> Response:
    """Answers at once with both ids and both estimates; the job waits for its prompt by itself."""
    key = idempotency_key(idempotency)
    if key is None and parts.require_idempotency_key:
        detail = "Send an Idempotency-Key, a UUID for example: a repeated request costs money."
        raise Problem(
            "invalid_request", detail, errors=[{"header": "Idempotency-Key", "detail": detail}]
        )
    if not parts.makes_pictures:
        raise Problem("no_picture_provider", "WAVESPEED_API_KEY is not set; nobody would paint.")
    wanted = await json_body(request, JobRequest)
    await check_room(parts)
    if wanted.target_url is not None or wanted.ref_urls:
        await check_pictures(
            parts, caller.user_id, wanted.target_url, wanted.ref_urls or []
        )  # fmt: skip
    job = _with_webhook(parts, _new_job(parts, caller, wanted), wanted)
    _check_count(job)
    return await _create(parts, caller, wanted, job, key)


def _new_job(parts: Parts, caller: Caller, wanted: JobRequest) -> NewPictureJob:
    options = NewJob(
        row_id=wanted.row_id,
        target_url="",
        min_quality=wanted.min_quality,
        operation=Operation.ENHANCE if wanted.existing_prompt else Operation.GENERATE,
        existing_prompt=wanted.existing_prompt,
        user_instructions=wanted.user_instructions,
        identity_consent=wanted.identity_consent,
        cache=wanted.cache,
        stream=wanted.stream,
    ).options
    return NewPictureJob(
        row_id=wanted.row_id,
        user_id=caller.user_id,
        generation_model=wanted.generation_model or parts.picture_model,
        use_ai_prompt=wanted.use_ai_prompt,
        prompt=wanted.prompt,
        prompt_job_id=wanted.prompt_job_id,
        target_url=wanted.target_url,
        ref_urls=None if wanted.ref_urls is None else tuple(wanted.ref_urls),
        width=wanted.width,
        height=wanted.height,
        count=wanted.count,
        priority=wanted.priority,
        max_retries=parts.max_retries,
        metadata=wanted.metadata,
        prompt_options=options if wanted.use_ai_prompt else {},
    )


def _with_webhook(parts: Parts, job: NewPictureJob, wanted: JobRequest) -> NewPictureJob:
    if wanted.webhook_url:
        return replace(job, webhook=Wish(usable_url(parts, wanted.webhook_url, "webhookUrl")))
    return replace(job, webhook=wish_of(parts, wanted.webhook))


def _check_count(job: NewPictureJob) -> None:
    model = find_picture_model(job.generation_model)
    try:
        if model is not None and job.ref_urls is not None:
            check_picture_count(model, len(job.ref_urls))
    except BadInput as error:
        raise Problem(
            "invalid_request", str(error), errors=[{"pointer": "/refUrls", "detail": str(error)}]
        ) from None


async def _create(
    parts: Parts, caller: Caller, wanted: JobRequest, job: NewPictureJob, key: str | None
) -> Response:
    outlook = await parts.forecasts.outlook()
    ahead, _ = await parts.wait_store.pictures_before(job.priority, outlook.now)

    def respond(job_id: UUID, prompt_job_id: UUID | None, place: Place) -> Reply:
        body, promise = created_view(
            job_id, prompt_job_id, place=place, ahead=ahead, count=job.count,
            priority=job.priority, outlook=outlook, base_url=parts.base_url,
            stand_in=parts.stand_in or parts.picture_stand_in, made_from=wanted.prompt_job_id,
        )  # fmt: skip
        return Reply(response=body.model_dump(mode="json", by_alias=True), promise=promise)

    said = b"jobs/create " + wanted.model_dump_json().encode()
    fingerprint = hashlib.sha256(said).digest()
    scoped = (
        IdempotencyKey(user_id=caller.user_id, key=key, fingerprint=fingerprint) if key else None
    )
    try:
        created = await parts.picture_intake.create(job, scoped, respond)
    except RowMissing as error:
        raise Problem("row_not_found", str(error)) from None
    except JobIncomplete as error:
        raise Problem("invalid_request", str(error)) from None
    except KeyReused:
        raise key_reused() from None
    except TooMuch as error:
        raise too_much(error) from None
    except JobRefused as error:
        raise refused_job(error) from error
    body = Created.model_validate(created.response)
    headers = {
        "Location": body.urls.self,
        "Retry-After": str(poll_after(body.estimated_wait_time)),
    } | ({"Idempotency-Replayed": "true"} if created.replayed else {})
    return answer(body, 202, headers)
