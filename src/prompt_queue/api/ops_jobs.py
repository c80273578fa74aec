"""Everybody's jobs: a list with filters and search."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from prompt_queue.api.auth import PartsOf, require_ops_read
from prompt_queue.api.job_list import Cursor, Limit
from prompt_queue.api.ops_filters import FILTERS, job_filter, kind_parameter
from prompt_queue.api.ops_job_schemas import Kind, OpsJob, OpsJobPage
from prompt_queue.api.paging import (
    cursor_parameter,
    limit_parameter,
    link_to_next,
    make_cursor,
    refuse_unknown,
)
from prompt_queue.api.parts import Parts
from prompt_queue.api.problems import documented
from prompt_queue.api.views import answer
from prompt_queue.jobs.job import is_stand_in
from prompt_queue.jobs.priority import band
from prompt_queue.store.ops_store import JobLine

router = APIRouter(tags=["operator"])


@router.get(
    "/api/ops/jobs",
    summary="List everybody's jobs",
    response_model=OpsJobPage,
    responses=documented(
        "unauthorized", "forbidden", "identity_unavailable", "cron_disabled",
        "invalid_parameter", "database_unavailable",
        "schema_behind", "misdirected_host",
    ),
    dependencies=[Depends(require_ops_read)],
)  # fmt: skip
async def list_jobs(
    request: Request,
    parts: PartsOf,
    *,
    kind: Annotated[str | None, Query(description="prompt (if not given) or picture")] = None,
    status: Annotated[str | None, Query(description="A status of the kind.")] = None,
    priority: Annotated[str | None, Query(description="n, or a range as in 1-3")] = None,
    model: Annotated[str | None, Query(description="Who answered; of pictures: asked.")] = None,
    source: Annotated[str | None, Query(description="Where the prompt came from.")] = None,
    error_code: Annotated[
        str | None, Query(alias="errorCode", description="The class of the error.")
    ] = None,
    user_id: Annotated[str | None, Query(alias="userId", description="Jobs of this user.")] = None,
    row_id: Annotated[str | None, Query(alias="rowId", description="Jobs of this row.")] = None,
    created_after: Annotated[
        str | None, Query(alias="createdAfter", description="Not older than this time, in UTC.")
    ] = None,
    created_before: Annotated[
        str | None, Query(alias="createdBefore", description="Not younger than this time, in UTC.")
    ] = None,
    q: Annotated[
        str | None,
        Query(
            description="At least the first 6 characters of the id of a job, a row or a user; "
            "else words within the error or the prompt."
        ),
    ] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Newest first. A page may be short, or empty, and have a `nextCursor` all the same: go on."""
    refuse_unknown(request.query_params, (*FILTERS, "limit", "cursor"))
    wanted, given = kind_parameter(kind), dict(request.query_params)
    size = limit_parameter(limit)
    found = await parts.ops_store.jobs(wanted, job_filter(given), size, cursor_parameter(cursor))
    next_cursor = make_cursor(found.go_on) if found.go_on else None
    body = OpsJobPage(
        data=[_line(parts, wanted, line) for line in found.lines],
        has_more=next_cursor is not None,
        next_cursor=next_cursor,
    )
    chosen = {k: v for k, v in given.items() if k != "cursor"}
    return answer(body, 200, link_to_next(f"{parts.base_url}/api/ops/jobs", chosen, next_cursor))


def _line(parts: Parts, kind: Kind, line: JobLine) -> OpsJob:
    stand_in = (
        parts.picture_stand_in
        if kind == "picture"
        else bool(line.model and is_stand_in(line.model))
    )
    return OpsJob(
        id=line.id,
        kind=kind,
        status=line.status,
        priority=line.priority,
        priority_band=band(line.priority),
        user_id=line.user_id,
        row_id=line.row_id,
        model=line.model,
        source=line.source,
        error_code=line.error_code,
        error=line.error,
        retry_count=line.retry_count,
        created_at=line.created_at,
        started_at=line.started_at,
        completed_at=line.completed_at,
        next_attempt_at=line.next_attempt_at,
        cost_usd=None if line.cost_usd is None else float(line.cost_usd),
        stand_in=stand_in,
    )
