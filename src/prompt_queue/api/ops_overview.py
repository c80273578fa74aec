"""GET /api/ops/overview: the whole queue at a glance."""

from fastapi import APIRouter, Depends, Request, Response

from prompt_queue.api.auth import require_ops_read
from prompt_queue.api.conditional import KEPT_BY_ONE
from prompt_queue.api.ops_look import OverviewLook
from prompt_queue.api.ops_schemas import Overview
from prompt_queue.api.problems import database_away, documented
from prompt_queue.api.views import answer

router = APIRouter(tags=["operator"])


@router.get(
    "/api/ops/overview",
    summary="The whole queue at a glance",
    response_model=Overview,
    responses=documented(
        "unauthorized", "forbidden", "identity_unavailable", "cron_disabled",
        "database_unavailable", "schema_behind",
        "misdirected_host",
    ),
    dependencies=[Depends(require_ops_read)],
)  # fmt: skip
async def overview(request: Request) -> Response:
    """Two seconds old at most, longer only where looking itself takes long."""
    look: OverviewLook = request.app.state.overview
    try:
        found = await look.recent()
    except TimeoutError:
        raise database_away() from None
    return answer(found, 200, KEPT_BY_ONE)
