"""The list of one's own jobs, in pages."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from prompt_queue.api.auth import PartsOf, Reader
from prompt_queue.api.paging import (
    LARGEST_PAGE,
    USUAL_PAGE,
    bad_parameter,
    cursor_parameter,
    limit_parameter,
    link_to_next,
    make_cursor,
    refuse_unknown,
    time_parameter,
    uuid_parameter,
)
from prompt_queue.api.problems import documented
from prompt_queue.api.schemas import JobPage
from prompt_queue.api.views import answer, job_summary
from prompt_queue.jobs.job import Status
from prompt_queue.store.prompt_store import Filter

router = APIRouter(tags=["prompts"])
Limit = Annotated[
    str | None,
    Query(description=f"Entries of a page, 1 to {LARGEST_PAGE}; {USUAL_PAGE} if not given."),
]
Cursor = Annotated[str | None, Query(description="The `nextCursor` of the page before.")]
_FILTERS = ("status", "rowId", "createdAfter")


@router.get(
    "/api/prompt/queue/jobs",
    summary="List jobs",
    response_model=JobPage,
    responses=documented(
        "invalid_parameter",
        "unauthorized",
        "forbidden",
        "identity_unavailable",
        "database_unavailable",
        "schema_behind",
        "misdirected_host",
    ),
)
async def list_jobs(
    request: Request,
    parts: PartsOf,
    caller: Reader,
    *,
    status: Annotated[
        str | None, Query(description="queued, processing, completed, failed or cancelled")
    ] = None,
    row_id: Annotated[str | None, Query(alias="rowId", description="Jobs of this row.")] = None,
    created_after: Annotated[
        str | None, Query(alias="createdAfter", description="Not older than this time, in UTC.")
    ] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Your own jobs, newest first; go on with the Link header or with `nextCursor`."""
    refuse_unknown(request.query_params, (*_FILTERS, "limit", "cursor"))
    which = Filter(
        user_id=caller.user_id,
        status=_status(status),
        row_id=uuid_parameter("rowId", row_id),
        created_after=time_parameter("createdAfter", created_after),
    )
    size = limit_parameter(limit)
    jobs = await parts.prompt_store.list_jobs(which, size + 1, cursor_parameter(cursor))
    page, more = jobs[:size], len(jobs) > size
    next_cursor = make_cursor((page[-1].created_at, page[-1].id)) if more else None
    chosen = {k: v for k, v in request.query_params.items() if k != "cursor"}
    body = JobPage(
        data=[job_summary(j, base_url=parts.base_url, stand_in=parts.stand_in) for j in page],
        has_more=more,
        next_cursor=next_cursor,
    )
    here = f"{parts.base_url}/api/prompt/queue/jobs"
    return answer(body, 200, link_to_next(here, chosen, next_cursor))


def _status(text: str | None) -> Status | None:
    if text is None:
        return None
    if text not in set(Status):
        raise bad_parameter("status", f"status must be one of {', '.join(Status)}.")
    return Status(text)
