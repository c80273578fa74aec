"""Rows of model_rows, for clients that start from nothing."""

from fastapi import APIRouter, Request, Response

from prompt_queue.api.auth import Enqueuer, PartsOf, Reader
from prompt_queue.api.bodies import documented_body, json_body
from prompt_queue.api.job_list import Cursor, Limit
from prompt_queue.api.paging import (
    cursor_parameter,
    limit_parameter,
    link_to_next,
    make_cursor,
    refuse_unknown,
)
from prompt_queue.api.problems import Problem, documented, schema_does_not_fit
from prompt_queue.api.requests import RowRequest
from prompt_queue.api.schemas import RowPage, RowView
from prompt_queue.api.urls import check_pictures
from prompt_queue.api.views import answer
from prompt_queue.store.database import DatabaseRefused
from prompt_queue.store.row_store import ModelMissing, Row

router = APIRouter(tags=["rows"])


@router.post(
    "/api/rows",
    summary="Make a row",
    status_code=201,
    response_model=RowView,
    responses=documented(
        "unauthorized",
        "forbidden",
        "identity_unavailable",
        "malformed_json",
        "cross_origin",
        "model_not_found",
        "body_timeout",
        "row_refused",
        "body_too_large",
        "unsupported_media_type",
        "misdirected_host",
        "invalid_request",
        "database_unavailable",
        "schema_behind",
    ),
    openapi_extra=documented_body(RowRequest),
)
async def create_row(request: Request, parts: PartsOf, caller: Enqueuer) -> Response:
    """A row that belongs to you; without a model, in your first one, which is made if need be."""
    wanted = await json_body(request, RowRequest)
    await check_pictures(parts, caller.user_id, wanted.target_url, wanted.ref_urls)
    try:
        row = await parts.row_store.create(
            caller.user_id, wanted.model_id, wanted.target_url, tuple(wanted.ref_urls)
        )
    except ModelMissing as error:
        raise Problem("model_not_found", str(error)) from None
    except DatabaseRefused as error:
        raise _refused(error) from error
    return answer(_view(row), 201)


@router.get(
    "/api/rows",
    summary="List rows",
    response_model=RowPage,
    responses=documented(
        "unauthorized",
        "forbidden",
        "identity_unavailable",
        "invalid_parameter",
        "database_unavailable",
        "schema_behind",
        "misdirected_host",
    ),
)
async def list_rows(
    request: Request, parts: PartsOf, caller: Reader, limit: Limit = None, cursor: Cursor = None
) -> Response:
    """Your own rows, newest first."""
    refuse_unknown(request.query_params, ("limit", "cursor"))
    size = limit_parameter(limit)
    rows = await parts.row_store.list(caller.user_id, size + 1, cursor_parameter(cursor))
    page, more = rows[:size], len(rows) > size
    next_cursor = make_cursor((page[-1].created_at, page[-1].id)) if more else None
    body = RowPage(data=[_view(row) for row in page], has_more=more, next_cursor=next_cursor)
    chosen = {k: v for k, v in request.query_params.items() if k != "cursor"}
    return answer(body, 200, link_to_next(f"{parts.base_url}/api/rows", chosen, next_cursor))


def _view(row: Row) -> RowView:
    return RowView(
        row_id=row.id, model_id=row.model_id, target_url=row.target_url, created_at=row.created_at
    )


def _refused(error: DatabaseRefused) -> Problem:
    if error.sqlstate.startswith("42"):
        return schema_does_not_fit()
    if error.sqlstate == "23503":
        return Problem(
            "row_refused",
            "Your user is not in auth.users of this database, which may be another one than that "
            "of the project that signed the token: insert the user there. Without an identity, "
            "`prompt-queue up` makes the user of PROMPT_QUEUE_LOCAL_USER_ID.",
        )
    return Problem(
        "row_refused",
        "Your model_rows or models table has rules that this route does not know; insert the row "
        "with your own code.",
    )
