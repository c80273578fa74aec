"""Jobs that become pictures: look, list, cancel, retry."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from prompt_queue.api.auth import Canceller, Enqueuer, JobReader, PartsOf, Reader
from prompt_queue.api.callers import Caller
from prompt_queue.api.conditional import (
    KEPT_BY_ONE,
    matches,
    version_etag,
    wait_parameter,
)
from prompt_queue.api.estimates import poll_after
from prompt_queue.api.job_ids import PictureJobId, job_id_of, no_such_job
from prompt_queue.api.job_list import Cursor, Limit
from prompt_queue.api.paging import (
    cursor_parameter,
    limit_parameter,
    link_to_next,
    make_cursor,
    refuse_unknown,
    uuid_parameter,
)
from prompt_queue.api.parts import Parts
from prompt_queue.api.picture_schemas import (
    PictureJobCancelled,
    PictureJobPage,
    PictureJobView,
)
from prompt_queue.api.picture_views import picture_job_view, receipt_view
from prompt_queue.api.problems import Problem, documented
from prompt_queue.api.room import refuse_retry
from prompt_queue.api.streams import ALSO_STREAMED
from prompt_queue.api.views import answer
from prompt_queue.jobs.picture import PictureRow, PictureStatus, status_of_all
from prompt_queue.store.picture_outlook import picture_wait

router = APIRouter(tags=["pictures"])
_BODY = ("malformed_json", "body_too_large", "unsupported_media_type", "body_timeout")
_ALWAYS = (
    "unauthorized", "forbidden", "identity_unavailable", "database_unavailable", "schema_behind",
    "misdirected_host",
)  # fmt: skip
_WRITE = (*_ALWAYS, "cross_origin")


@router.get(
    "/api/jobs/{jobId}",
    summary="Look at a picture job, or wait for it",
    response_model=PictureJobView,
    responses={
        **ALSO_STREAMED,
        304: {"description": "The version of If-None-Match is still the present one."},
        **documented(*_ALWAYS, "job_not_found", "invalid_id", "invalid_parameter"),
    },
)
async def read_job(
    job_id: PictureJobId,
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
    found = await _own_rows(parts, caller, job_id)
    seconds = wait_parameter(wait)
    view, etag = await look_at(parts, found)
    stale = if_none_match is not None and not matches(if_none_match, etag)
    if seconds and not stale and not view.status.is_final:
        if if_none_match is None:
            await parts.picture_watch.until_final(view.job_id, seconds)
        else:
            seen = (await parts.picture_store.versions([view.job_id]))[view.job_id]
            await parts.picture_watch.until_changed(view.job_id, seen, seconds)
        view, etag = await look_at(parts, await _own_rows(parts, caller, job_id))
    headers = {"ETag": etag, **KEPT_BY_ONE}
    if not view.status.is_final:
        headers["Retry-After"] = str(poll_after(view.estimated_wait_time))
    if matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return answer(view, 200, headers)


@router.get(
    "/api/jobs",
    summary="List picture jobs",
    response_model=PictureJobPage,
    responses=documented(*_ALWAYS, "invalid_parameter"),
)
async def list_jobs(
    request: Request,
    parts: PartsOf,
    caller: Reader,
    *,
    row_id: Annotated[str | None, Query(alias="rowId", description="Jobs of this row.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Your own jobs, newest first; go on with the Link header or with `nextCursor`."""
    refuse_unknown(request.query_params, ("rowId", "limit", "cursor"))
    size = limit_parameter(limit)
    ids = await parts.picture_store.list_ids(
        caller.user_id, uuid_parameter("rowId", row_id), size + 1, cursor_parameter(cursor)
    )
    page, more = ids[:size], len(ids) > size
    rows = await parts.picture_store.find_all([job_id for job_id, _ in page])
    next_cursor = make_cursor((page[-1][1], page[-1][0])) if more else None
    body = PictureJobPage(
        data=[(await look_at(parts, rows[job_id]))[0] for job_id, _ in page],
        has_more=more,
        next_cursor=next_cursor,
    )
    chosen = {k: v for k, v in request.query_params.items() if k != "cursor"}
    return answer(body, 200, link_to_next(f"{parts.base_url}/api/jobs", chosen, next_cursor))


@router.delete(
    "/api/jobs/{jobId}",
    summary="Cancel a picture job",
    response_model=PictureJobCancelled,
    responses=documented(*_WRITE, "job_not_found", "invalid_id", "already_final"),
)
async def cancel_job(job_id: PictureJobId, parts: PartsOf, caller: Canceller) -> Response:
    """At once and for good, its prompt too where nobody else needs it. May be repeated."""
    found = job_id_of(job_id, "jobId")
    receipt = await parts.picture_store.cancel(found, caller.user_id)
    if receipt.outcome == "not_found":
        raise no_such_job(found)
    if receipt.outcome == "already_final":
        raise Problem("already_final", "The job has ended already; there is nothing to cancel.")
    return answer(
        PictureJobCancelled(
            job_id=found, status=PictureStatus.CANCELLED, receipt=receipt_view(receipt)
        )
    )


@router.post(
    "/api/jobs/{jobId}/retry",
    summary="Make the failed pictures of a job anew",
    status_code=202,
    response_model=PictureJobView,
    responses=documented(
        *_WRITE, "job_not_found", "invalid_id", "not_failed", "too_many_queued",
        "unsupported_media_type",
    ),
)  # fmt: skip
async def retry_job(job_id: PictureJobId, parts: PartsOf, caller: Enqueuer) -> Response:
    """With all their retries; a prompt that failed is asked for again first."""
    found = job_id_of(job_id, "jobId")
    outcome = await parts.picture_store.retry(found, caller.user_id, caller.actor)
    await refuse_retry(parts, caller.user_id, outcome)
    if outcome == "not_found":
        raise no_such_job(found)
    if outcome == "not_failed":
        raise Problem("not_failed", "No picture of this job has failed; nothing to retry.")
    view, etag = await look_at(parts, await parts.picture_store.find(found, caller.user_id))
    headers = {"ETag": etag, "Location": view.urls.self}
    return answer(view, 202, headers)


async def _own_rows(parts: Parts, caller: Caller, text: str) -> list[PictureRow]:
    job_id = job_id_of(text, "jobId")
    rows = await parts.picture_store.find(job_id, caller.user_id)
    if not rows:
        raise no_such_job(job_id)
    return rows


async def look_at(parts: Parts, rows: list[PictureRow]) -> tuple[PictureJobView, str]:
    """The job as its owner sees it, and its ETag."""
    first, prompt_job = rows[0], None
    status = status_of_all({row.status for row in rows})
    if status is PictureStatus.WAITING_PROMPT and first.prompt_job_id is not None:
        prompt_job = await parts.prompt_store.find_job(first.prompt_job_id)
    view = picture_job_view(
        rows,
        prompt_job,
        wait=await picture_wait(
            parts.wait_store,
            parts.prompt_store,
            await parts.forecasts.outlook(),
            rows,
            prompt_job,
        ),
        base_url=parts.base_url,
        stand_in=parts.picture_stand_in,
    )
    changed = prompt_job.changed_at if prompt_job else None
    why = view.waiting_reason.code if view.waiting_reason else None
    return view, version_etag(
        view.job_id, view.status, view.updated_at, changed, why, *(row.feedback for row in rows)
    )
