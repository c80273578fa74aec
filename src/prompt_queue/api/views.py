"""From the words of the house to the answers of the API."""

from uuid import UUID

from fastapi.responses import Response
from pydantic import BaseModel

from prompt_queue.api.estimates import poll_after
from prompt_queue.api.operator_schemas import ModelView
from prompt_queue.api.problems import Problem, schema_does_not_fit
from prompt_queue.api.schemas import (
    Accepted,
    Eta,
    FeedbackView,
    JobSummary,
    JobUrls,
    JobView,
    WaitingReason,
)
from prompt_queue.jobs.job import PromptJob, Status, is_stand_in
from prompt_queue.jobs.outlook import Outlook
from prompt_queue.jobs.priority import band
from prompt_queue.store.database import DatabaseRefused
from prompt_queue.store.intake import JobRefused
from prompt_queue.store.model_store import ModelHealth
from prompt_queue.store.outlook import told_of_prompt, why_prompt_waits
from prompt_queue.store.prompt_store import Place
from prompt_queue.store.wait_store import Promise


def answer(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response, camelCase."""
    body = model.model_dump_json(by_alias=True)
    return Response(body, status, media_type="application/json", headers=headers)


def refused_job(error: JobRefused) -> Problem:
    """The answer where the database does not take a job."""
    cause = error.__cause__
    if isinstance(cause, DatabaseRefused) and cause.sqlstate.startswith("42"):
        return schema_does_not_fit()
    return Problem("invalid_request", "The database's own rules refuse this job.")


def key_reused() -> Problem:
    """The answer where a key belongs to another request."""
    return Problem(
        "idempotency_key_reused",
        "This Idempotency-Key was used for a different body within the last 24 hours; use a new "
        "key for a new request.",
    )


def job_urls(base_url: str, job_id: UUID) -> JobUrls:
    """Where to go on with a job."""
    here = f"{base_url}/api/prompt/queue/{job_id}"
    return JobUrls(self=here, cancel=here, retry=f"{here}/retry", timeline=f"{here}/timeline")


def model_view(model: ModelHealth) -> ModelView:
    """A model and its breaker."""
    return ModelView(
        model=model.model,
        breaker=model.state,
        by_hand=model.by_hand,
        cause=model.cause,
        open_seconds=model.open_seconds,
        wait_seconds=model.wait_seconds,
        retries_left=model.retries_left,
        listed=model.listed,
        redirected=model.redirected,
        requests_per_second=model.requests_per_second,
        tokens_per_minute=model.tokens_per_minute,
        rate=model.rate,
        limited_seconds=model.limited_seconds,
    )


def accepted(
    job_id: UUID, place: Place, priority: int, outlook: Outlook, *, base_url: str, stand_in: bool
) -> tuple[Accepted, Promise | None]:
    """A job that was just queued, and what its client is promised."""
    position, is_exact = outlook.position(place.ahead, priority, place.share)
    told = outlook.prompt(position, priority)
    promise = None
    if told.forecast is not None:
        promise = Promise(
            leg="prompt", priority=priority, expected=told.expected, forecast=told.forecast
        )
    body = Accepted(
        prompt_job_id=job_id,
        status=Status.QUEUED,
        estimated_wait_time=told.seconds,
        position=position,
        position_exact=is_exact,
        eta=Eta.of(told.forecast),
        eta_reason=told.reason,
        urls=job_urls(base_url, job_id),
        stand_in=stand_in,
    )
    return body, promise


def acceptance_headers(urls: JobUrls, estimate: int) -> dict[str, str]:
    """Where the job is, and when to look."""
    return {"Location": urls.self, "Retry-After": str(poll_after(estimate))}


def job_view(
    job: PromptJob, place: Place | None, outlook: Outlook, *, base_url: str, stand_in: bool
) -> JobView:
    """A job as its owner sees it."""
    told = told_of_prompt(job, place, outlook)
    position, is_exact = None, True
    if place is not None:
        position, is_exact = outlook.position(place.ahead, job.priority, place.share)
    return JobView(
        prompt_job_id=job.id,
        row_id=job.row_id,
        model_id=job.model_id,
        status=job.status,
        generated_prompt=job.generated_prompt,
        partial_prompt=job.partial_prompt,
        error=job.error,
        error_code=job.error_code,
        priority=job.priority,
        priority_band=band(job.priority),
        retry_count=job.retry_count,
        max_retries=job.max_retries,
        position=position,
        position_exact=is_exact,
        estimated_wait_time=told.seconds if told else 0,
        eta=Eta.of(told.forecast) if told else None,
        eta_reason=told.reason if told else None,
        waiting_reason=WaitingReason.of(why_prompt_waits(job, place, outlook)),
        next_poll_ms=poll_after(told.seconds) * 1000 if told else 0,
        next_attempt_at=place.next_attempt_at if place else None,
        source=job.source,
        model=job.model,
        strategy=job.strategy,
        degraded=job.degraded,
        min_quality=job.min_quality,
        operation=job.operation,
        stand_in=_is_stand_in(job, stand_in),
        target_url=job.target_url,
        ref_urls=list(job.ref_urls),
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
        updated_at=job.updated_at,
        feedback=FeedbackView.of(job.feedback),
        urls=job_urls(base_url, job.id),
    )


def job_summary(job: PromptJob, *, base_url: str, stand_in: bool) -> JobSummary:
    """A job in a list."""
    return JobSummary(
        prompt_job_id=job.id,
        row_id=job.row_id,
        status=job.status,
        generated_prompt=job.generated_prompt,
        error=job.error,
        error_code=job.error_code,
        priority=job.priority,
        priority_band=band(job.priority),
        retry_count=job.retry_count,
        source=job.source,
        model=job.model,
        degraded=job.degraded,
        stand_in=_is_stand_in(job, stand_in),
        target_url=job.target_url,
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
        updated_at=job.updated_at,
        urls=job_urls(base_url, job.id),
    )


def _is_stand_in(job: PromptJob, serving_now: bool) -> bool:
    """Who answered, or, before anybody has, who would."""
    if job.model is not None:
        return is_stand_in(job.model)
    return serving_now and not job.status.is_final
