"""GET /api/ops/audit: who pressed what, and why."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from prompt_queue.api.auth import PartsOf, require_ops_read
from prompt_queue.api.job_list import Limit
from prompt_queue.api.ops_job_schemas import OpsAct, OpsAudit
from prompt_queue.api.paging import bad_parameter, limit_parameter, link_to_next, refuse_unknown
from prompt_queue.api.problems import documented
from prompt_queue.api.views import answer

router = APIRouter(tags=["operator"])


@router.get(
    "/api/ops/audit",
    summary="Who pressed what, and why",
    response_model=OpsAudit,
    responses=documented(
        "unauthorized", "forbidden", "identity_unavailable", "cron_disabled",
        "invalid_parameter", "database_unavailable",
        "schema_behind", "misdirected_host",
    ),
    dependencies=[Depends(require_ops_read)],
)  # fmt: skip
async def audit(
    request: Request,
    parts: PartsOf,
    limit: Limit = None,
    cursor: Annotated[str | None, Query(description="The `nextCursor` of the page before.")] = None,
) -> Response:
    """The latest first. What a job's owner does to it stands in its timeline alone."""
    refuse_unknown(request.query_params, ("limit", "cursor"))
    size = limit_parameter(limit)
    acts = await parts.ops_store.audit(size + 1, _before(cursor))
    page = acts[:size]
    next_cursor = str(page[-1].id) if len(acts) > size else None
    body = OpsAudit(
        data=[
            OpsAct(
                at=one.at,
                actor=one.actor,
                act=one.act,
                about=one.model or one.about or "the queue",
                reason=one.reason,
                detail=one.detail,
            )
            for one in page
        ],
        has_more=next_cursor is not None,
        next_cursor=next_cursor,
    )
    chosen = {k: v for k, v in request.query_params.items() if k != "cursor"}
    return answer(body, 200, link_to_next(f"{parts.base_url}/api/ops/audit", chosen, next_cursor))


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not re.fullmatch("[0-9]{1,18}", cursor):
        raise bad_parameter(
            "cursor", "cursor must be the nextCursor of an earlier page, unchanged."
        )
    return int(cursor)
