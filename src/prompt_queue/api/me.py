"""Who the server takes the caller for."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Response

from prompt_queue.api.auth import Anyone, PartsOf
from prompt_queue.api.callers import Kind
from prompt_queue.api.problems import documented
from prompt_queue.api.schemas import Answer
from prompt_queue.api.views import answer
from prompt_queue.jobs.scopes import Scope

router = APIRouter(tags=["identity"])


class Me(Answer):
    """`demo`: nobody is asked who they are, and everybody is this user."""

    user_id: UUID | None
    kind: Kind
    scopes: list[Scope]
    expires_at: datetime | None
    demo: bool


@router.get(
    "/api/me",
    summary="Who am I?",
    response_model=Me,
    responses=documented(
        "unauthorized", "forbidden", "invalid_parameter", "identity_unavailable",
        "database_unavailable", "schema_behind", "misdirected_host",
    ),
)  # fmt: skip
async def read_me(parts: PartsOf, caller: Anyone) -> Response:
    """For any credentials, whatever they allow: a page shows its buttons by `scopes`."""
    ends = caller.expires_at
    return answer(
        Me(
            user_id=caller.owner,
            kind=caller.kind,
            scopes=sorted(caller.scopes),
            expires_at=None if ends is None else datetime.fromtimestamp(ends, UTC),
            demo=not parts.asks_for_tokens,
        )
    )
