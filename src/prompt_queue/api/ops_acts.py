"""Retry, cancel and hasten of many jobs, whoever owns them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from prompt_queue.api.auth import CallerOf, PartsOf, require_ops_write
from prompt_queue.api.bodies import documented_body, json_body
from prompt_queue.api.callers import Caller
from prompt_queue.api.ops_filters import job_filter
from prompt_queue.api.ops_job_schemas import OpsActed, OpsActRequest, OpsFilter, OpsRefusal
from prompt_queue.api.parts import Parts
from prompt_queue.api.problems import documented
from prompt_queue.api.views import answer
from prompt_queue.store.ops_store import Act

router = APIRouter(tags=["operator"])
_AT_ONCE = 50
"""Jobs of one transaction: workers wait no longer than these take."""
_MOST_LOOKS = 20
"""So many times 5,000 jobs are looked at for a filter."""

_ANSWERS = documented(
    "malformed_json", "body_too_large", "unsupported_media_type", "body_timeout",
    "invalid_request", "invalid_parameter", "unauthorized", "forbidden", "identity_unavailable",
    "cron_disabled",
    "database_unavailable", "schema_behind", "misdirected_host", "cross_origin",
)  # fmt: skip
_DONE = frozenset({"retried", "cancelled", "hastened"})
_REFUSED: Mapping[str, tuple[str, str]] = {
    "not_failed": ("not_failed", "It has not failed; only a failed job can be retried."),
    "already_cancelled": ("already_final", "It was cancelled before."),
    "already_final": ("already_final", "It has ended already, and stays as it is."),
    "not_delayed": ("not_delayed", "It does not rest after a failure, so it cannot go on sooner."),
    "not_found": ("job_not_found", "There is no such job."),
}


@router.post(
    "/api/ops/jobs/retry",
    summary="Try failed jobs of anybody again",
    response_model=OpsActed,
    responses=_ANSWERS,
    dependencies=[Depends(require_ops_write)],
    openapi_extra=documented_body(OpsActRequest),
)
async def retry(request: Request, parts: PartsOf, caller: CallerOf) -> Response:
    """With all their retries. Each job's events and the audit say who, and why."""
    return await _act("retry", request, parts, caller)


@router.post(
    "/api/ops/jobs/cancel",
    summary="Cancel jobs of anybody",
    response_model=OpsActed,
    responses=_ANSWERS,
    dependencies=[Depends(require_ops_write)],
    openapi_extra=documented_body(OpsActRequest),
)
async def cancel(request: Request, parts: PartsOf, caller: CallerOf) -> Response:
    """At once and for good. Each job's events and the audit say who, and why."""
    return await _act("cancel", request, parts, caller)


@router.post(
    "/api/ops/jobs/hasten",
    summary="Let jobs of anybody go on now that rest after a failure",
    response_model=OpsActed,
    responses=_ANSWERS,
    dependencies=[Depends(require_ops_write)],
    openapi_extra=documented_body(OpsActRequest),
)
async def hasten(request: Request, parts: PartsOf, caller: CallerOf) -> Response:
    """The next attempt does not wait for its time; it counts as any other."""
    return await _act("hasten", request, parts, caller)


async def _act(act: Act, request: Request, parts: Parts, caller: Caller) -> Response:
    wanted = await json_body(request, OpsActRequest)
    more = False
    if wanted.filter is None:
        ids: Sequence[UUID] = wanted.ids or []
    else:
        ids, more = await _matching(act, parts, wanted.filter, wanted.limit)
    outcomes: dict[UUID, str] = {}
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        outcomes |= await parts.ops_store.operate(act, some, caller.actor, wanted.reason)
    refused = [
        OpsRefusal(id=job_id, code=_REFUSED[outcome][0], detail=_REFUSED[outcome][1])
        for job_id, outcome in outcomes.items()
        if outcome not in _DONE
    ]
    return answer(OpsActed(changed=len(outcomes) - len(refused), refused=refused, has_more=more))


async def _matching(
    act: Act, parts: Parts, wanted: OpsFilter, limit: int
) -> tuple[list[UUID], bool]:
    """The newest jobs that fit and that the act is for, and whether there may be more."""
    given = {
        name: None if value is None else str(value)
        for name, value in wanted.model_dump(by_alias=True).items()
    }
    if act == "retry" and given["status"] is None:
        given["status"] = "failed"
    which, found, after = job_filter(given), list[UUID](), None
    for _ in range(_MOST_LOOKS):
        page = await parts.ops_store.jobs(wanted.kind, which, limit - len(found), after)
        found += [line.id for line in page.lines]
        after = page.go_on
        if after is None or len(found) >= limit:
            break
    return found, after is not None
