"""What an operator presses: pause, resume; and for everybody: all of one's failed jobs again."""

from fastapi import APIRouter, Depends, Request, Response

from prompt_queue.api.auth import CallerOf, Enqueuer, PartsOf, require_ops_write
from prompt_queue.api.bodies import documented_body, json_body
from prompt_queue.api.operator_schemas import (
    BreakerRequest,
    BreakerView,
    LimitRequest,
    LimitView,
    PauseView,
    PauseWhat,
    Retried,
    RetryManyRequest,
)
from prompt_queue.api.parts import Parts
from prompt_queue.api.problems import documented
from prompt_queue.api.views import answer, model_view
from prompt_queue.jobs.limits import Limit
from prompt_queue.store.operator_store import FailedJobs

router = APIRouter(tags=["operation"])
_WRITE = (
    "malformed_json", "body_too_large", "unsupported_media_type", "body_timeout",
    "invalid_request", "unauthorized", "forbidden", "identity_unavailable", "database_unavailable",
    "schema_behind", "misdirected_host", "cross_origin",
)  # fmt: skip
_OPERATOR = documented(*_WRITE, "cron_disabled")


@router.post(
    "/api/prompt/queue/pause",
    summary="Pause the queue, one model or a band of priorities",
    response_model=PauseView,
    responses=_OPERATOR,
    dependencies=[Depends(require_ops_write)],
    openapi_extra=documented_body(PauseWhat),
)
async def pause(request: Request, parts: PartsOf, caller: CallerOf) -> Response:
    """Running jobs are finished, new ones are taken in and wait. May be repeated."""
    wanted = await json_body(request, PauseWhat)
    changed = await parts.operator_store.pause(
        wanted.model, wanted.reason, caller.actor, wanted.range
    )
    return await _paused(parts, changed)


@router.post(
    "/api/prompt/queue/resume",
    summary="Let the queue, one model or a band of priorities go on",
    response_model=PauseView,
    responses=_OPERATOR,
    dependencies=[Depends(require_ops_write)],
    openapi_extra=documented_body(PauseWhat),
)
async def resume(request: Request, parts: PartsOf, caller: CallerOf) -> Response:
    """Waiting jobs are claimed again at once. May be repeated."""
    wanted = await json_body(request, PauseWhat)
    changed = await parts.operator_store.resume(
        wanted.model, caller.actor, wanted.range, wanted.reason
    )
    return await _paused(parts, changed)


@router.post(
    "/api/prompt/queue/breaker",
    summary="Open or close the circuit breaker of a model",
    response_model=BreakerView,
    responses=_OPERATOR,
    dependencies=[Depends(require_ops_write)],
    openapi_extra=documented_body(BreakerRequest),
)
async def breaker(request: Request, parts: PartsOf, caller: CallerOf) -> Response:
    """Open: nobody asks the model; requests take the next one, wait, or get a template."""
    wanted = await json_body(request, BreakerRequest)
    changed = await parts.model_store.set_breaker(
        wanted.model,
        is_open=wanted.state == "open",
        seconds=wanted.seconds if wanted.state == "open" else None,
        reason=wanted.reason,
        actor=caller.actor,
    )
    parts.forecasts.forget()
    views = [model_view(model) for model in await parts.model_store.models()]
    return answer(BreakerView(changed=changed, models=views))


@router.post(
    "/api/prompt/queue/limits",
    summary="Change the limits of a model",
    response_model=LimitView,
    responses=_OPERATOR,
    dependencies=[Depends(require_ops_write)],
    openapi_extra=documented_body(LimitRequest),
)
async def limits(request: Request, parts: PartsOf, caller: CallerOf) -> Response:
    """For every worker, with its next call; the settings do not change it any more."""
    wanted = await json_body(request, LimitRequest)
    rps = wanted.requests_per_second
    limit = None if rps is None else Limit(rps, wanted.tokens_per_minute)
    changed = await parts.model_store.set_limit(
        wanted.model, limit, by_hand=True, actor=caller.actor, reason=wanted.reason
    )
    parts.forecasts.forget()
    views = [model_view(model) for model in await parts.model_store.models()]
    return answer(LimitView(changed=changed, models=views))


@router.post(
    "/api/prompt/queue/retry",
    summary="Try all of your failed jobs again",
    response_model=Retried,
    responses=documented(*_WRITE),
    openapi_extra=documented_body(RetryManyRequest),
)
async def retry_many(request: Request, parts: PartsOf, caller: Enqueuer) -> Response:
    """Those that fit the filter, the latest failures first, each with all its retries."""
    wanted = await json_body(request, RetryManyRequest)
    which = FailedJobs(
        user_id=caller.user_id,
        error_code=wanted.error_code,
        failed_after=wanted.failed_after,
        failed_before=wanted.failed_before,
    )
    return answer(
        Retried(retried=await parts.operator_store.retry_many(which, wanted.limit, caller.actor))
    )


async def _paused(parts: Parts, changed: bool) -> Response:
    parts.forecasts.forget()
    pauses = await parts.operator_store.pauses()
    return answer(
        PauseView(
            changed=changed,
            queue_paused=any(pause.model is None for pause in pauses),
            paused_models=[pause.model for pause in pauses if pause.model],
            paused_priorities=[
                one.priority for one in await parts.operator_store.paused_priorities()
            ],
        )
    )
