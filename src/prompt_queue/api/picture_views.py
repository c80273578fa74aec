"""From picture rows to the answers of the API."""

from collections.abc import Sequence
from uuid import UUID

from prompt_queue.api.estimates import poll_after
from prompt_queue.api.picture_schemas import (
    Created,
    PictureJobView,
    PictureReceipt,
    PictureUrls,
    PictureView,
)
from prompt_queue.api.schemas import Eta, FeedbackView, WaitingReason
from prompt_queue.jobs.job import PromptJob
from prompt_queue.jobs.outlook import Outlook
from prompt_queue.jobs.picture import PictureRow, PictureStatus, status_of_all
from prompt_queue.store.picture_outlook import PictureWait
from prompt_queue.store.picture_store import PictureReceipt as StoredReceipt
from prompt_queue.store.prompt_store import Place
from prompt_queue.store.wait_store import Promise


def picture_urls(base_url: str, job_id: UUID, prompt_job_id: UUID | None) -> PictureUrls:
    """Where to go on with a job."""
    here = f"{base_url}/api/jobs/{job_id}"
    prompt = f"{base_url}/api/prompt/queue/{prompt_job_id}" if prompt_job_id else None
    return PictureUrls(self=here, retry=f"{here}/retry", timeline=f"{here}/timeline", prompt=prompt)


def created_view(
    job_id: UUID, prompt_job_id: UUID | None, *, place: Place, ahead: int, count: int,
    priority: int, outlook: Outlook, base_url: str, stand_in: bool,
    made_from: UUID | None = None,
) -> tuple[Created, Promise | None]:  # fmt: skip
    """A job that was just created, and what its client is promised.

    Its prompt stands at `place`, or is that of the completed job `made_from`; `ahead` pictures
    are bought before its own.
    """
    prompt = None
    if prompt_job_id:
        position, _ = outlook.position(place.ahead, priority, place.share)
        prompt = outlook.prompt(position, priority)
    told = outlook.picture(ahead, priority, prompt.expected if prompt else None)
    promise = None
    if told.forecast is not None:
        promise = Promise(
            leg="picture", priority=priority, expected=told.expected, forecast=told.forecast
        )
    body = Created(
        job_id=job_id,
        prompt_job_id=prompt_job_id or made_from,
        status=PictureStatus.WAITING_PROMPT if prompt_job_id else PictureStatus.QUEUED,
        prompt_status="generating" if prompt_job_id else "completed",
        count=count,
        estimated_prompt_time=prompt.seconds if prompt else 0,
        estimated_wait_time=told.seconds,
        eta=Eta.of(told.forecast),
        eta_reason=told.reason,
        urls=picture_urls(base_url, job_id, prompt_job_id or made_from),
        stand_in=stand_in,
    )
    return body, promise


def picture_job_view(
    rows: Sequence[PictureRow],
    prompt_job: PromptJob | None,
    *,
    wait: PictureWait,
    base_url: str,
    stand_in: bool,
) -> PictureJobView:
    """A job by its pictures."""
    first = rows[0]
    status = status_of_all({row.status for row in rows})
    with_error = next((row for row in rows if row.error), None)
    ended = [row.completed_at for row in rows if row.completed_at is not None]
    told = wait.told
    return PictureJobView(
        job_id=first.job_id,
        row_id=first.row_id,
        prompt_job_id=first.prompt_job_id,
        status=status,
        prompt_status=_prompt_status(rows),
        prompt=first.prompt,
        partial_prompt=prompt_job.partial_prompt if prompt_job else None,
        target_url=first.target_url,
        ref_urls=list(first.ref_urls),
        generation_model=first.generation_model,
        width=first.width,
        height=first.height,
        count=len(rows),
        priority=first.priority,
        pictures=[_picture(row) for row in rows],
        error=with_error.error if with_error else None,
        error_code=with_error.error_code if with_error else None,
        estimated_wait_time=told.seconds if told else 0,
        eta=Eta.of(told.forecast) if told else None,
        eta_reason=told.reason if told else None,
        waiting_reason=WaitingReason.of(wait.reason),
        next_poll_ms=poll_after(told.seconds) * 1000 if told else 0,
        metadata=first.metadata,
        stand_in=stand_in,
        created_at=first.created_at,
        updated_at=max(row.updated_at for row in rows),
        completed_at=max(ended) if status.is_final and ended else None,
        urls=picture_urls(base_url, first.job_id, first.prompt_job_id),
    )


def receipt_view(found: StoredReceipt) -> PictureReceipt:
    """What a cancel did, in a sentence too."""
    sentence = "Nothing was with the picture service; nothing more is spent."
    if found.at_provider:
        pictures = "1 picture is" if found.at_provider == 1 else f"{found.at_provider} pictures are"
        sentence = (
            f"{pictures} with the picture service already: it is told to stop, may finish all the "
            "same, and may charge for it."
        )
    return PictureReceipt(
        cancelled=found.cancelled,
        at_provider=found.at_provider,
        succeeded=found.succeeded,
        prompt_cancelled=found.prompt_cancelled,
        spent_usd=float(found.spent_usd),
        sentence=sentence,
    )


def _prompt_status(rows: Sequence[PictureRow]) -> str:
    if any(row.status is PictureStatus.WAITING_PROMPT for row in rows):
        return "generating"
    return "completed" if rows[0].prompt else "failed"


def _picture(row: PictureRow) -> PictureView:
    saved = row.outputs[0] if row.outputs else {}
    return PictureView(
        number=row.number,
        status=row.status,
        url=saved.get("url"),
        thumbnail_url=saved.get("thumbnail_url"),
        width=saved.get("width"),
        height=saved.get("height"),
        media_type=saved.get("media_type"),
        bytes=saved.get("size"),
        error=row.error,
        error_code=row.error_code,
        resubmitted=row.resubmits > 0,
        submitted_at=row.submitted_at,
        completed_at=row.completed_at,
        feedback=FeedbackView.of(row.feedback),
    )
