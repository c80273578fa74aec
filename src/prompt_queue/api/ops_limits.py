"""What one user may use, as the operator sees and sets it."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from prompt_queue.api.auth import CallerOf, PartsOf, require_ops_read, require_ops_write
from prompt_queue.api.bodies import documented_body, json_body
from prompt_queue.api.job_ids import job_id_of
from prompt_queue.api.parts import Parts
from prompt_queue.api.problems import documented
from prompt_queue.api.views import answer
from prompt_queue.store.limit_store import EVERYBODY, UserLimits

router = APIRouter(tags=["operator"])
_PATH = "/api/ops/users/{userId}/limits"
_READ = (
    "invalid_id", "unauthorized", "forbidden", "identity_unavailable", "cron_disabled",
    "database_unavailable", "schema_behind", "misdirected_host",
)  # fmt: skip
_WRITE = (*_READ, "cross_origin", "unsupported_media_type")
_BODY = ("malformed_json", "body_too_large", "body_timeout", "invalid_request")
User = Annotated[
    str, Path(alias="userId", description="The id of a user, or `everybody` without limits of own.")
]


class LimitsRequest(BaseModel):
    """What a user may use; null: no limit."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="forbid")

    usd_per_day: Decimal | None = Field(default=None, ge=0, lt=1_000_000)
    pictures_per_day: int | None = Field(default=None, ge=0, lt=2**31)
    queued: int | None = Field(default=None, ge=0, lt=2**31)
    requests_per_second: float | None = Field(default=None, ge=0.001, lt=1_000_000)
    reason: str | None = Field(default=None, max_length=500, description="For the audit.")


class LimitsView(BaseModel):
    """What holds for a user now. Money in USD, days are those of UTC."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, populate_by_name=True)

    changed: bool = Field(description="False: it was so before.")
    usd_per_day: float | None
    pictures_per_day: int | None
    queued: int | None
    requests_per_second: float | None
    spent_today_usd: float = Field(description="With what calls under way are expected to cost.")


@router.get(
    _PATH,
    summary="What a user may use",
    response_model=LimitsView,
    responses=documented(*_READ),
    dependencies=[Depends(require_ops_read)],
)
async def read_limits(user: User, parts: PartsOf) -> Response:
    """The user's own limits, or those of everybody; and what was spent today."""
    return await _view(parts, _user(user), changed=False)


@router.put(
    _PATH,
    summary="Limit a user",
    response_model=LimitsView,
    responses=documented(*_WRITE, *_BODY),
    dependencies=[Depends(require_ops_write)],
    openapi_extra=documented_body(LimitsRequest),
)
async def set_limits(user: User, request: Request, parts: PartsOf, caller: CallerOf) -> Response:
    """All four at once, instead of those of everybody. Jobs that wait for money look again."""
    wanted = await json_body(request, LimitsRequest)
    limits = UserLimits(
        usd_a_day=wanted.usd_per_day,
        pictures_a_day=wanted.pictures_per_day,
        queued=wanted.queued,
        requests_a_second=wanted.requests_per_second,
    )
    whom = _user(user)
    changed = await parts.limit_store.set(
        whom, limits, by_hand=True, actor=caller.actor, reason=wanted.reason
    )
    return await _view(parts, whom, changed=changed)


@router.delete(
    _PATH,
    summary="Treat a user as everybody",
    response_model=LimitsView,
    responses=documented(*_WRITE),
    dependencies=[Depends(require_ops_write)],
)
async def forget_limits(
    user: User,
    parts: PartsOf,
    caller: CallerOf,
    reason: Annotated[str | None, Query(max_length=500, description="For the audit.")] = None,
) -> Response:
    """For `everybody`: the settings hold again from the next start of a process on."""
    whom = _user(user)
    changed = await parts.limit_store.forget(whom, caller.actor, reason)
    return await _view(parts, whom, changed=changed)


def _user(text: str) -> UUID:
    return EVERYBODY if text == "everybody" else job_id_of(text, "userId")


async def _view(parts: Parts, user: UUID, *, changed: bool) -> Response:
    limits = await parts.limit_store.of(user)
    spent = await parts.limit_store.spent_today(user)
    return answer(
        LimitsView(
            changed=changed,
            usd_per_day=None if limits.usd_a_day is None else float(limits.usd_a_day),
            pictures_per_day=limits.pictures_a_day,
            queued=limits.queued,
            requests_per_second=limits.requests_a_second,
            spent_today_usd=float(spent),
        )
    )
