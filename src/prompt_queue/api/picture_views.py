"""From picture rows to the answers of the API."""

from collections.abc import Sequence
from uuid import UUID

from prompt_queue.api.estimates import poll_after, wait_seconds
from prompt_queue.api.picture_schemas import (
    Created,
    PictureJobView,
    PictureReceipt,
    PictureUrls,
    PictureView,
)
from prompt_queue.jobs.job import PromptJob
from prompt_queue.jobs.picture import PictureRow, PictureStatus, status_of_all
from prompt_queue.store.picture_store import PictureReceipt as StoredReceipt
from prompt_queue.store.prompt_store import QueueStats

FIRST_GUESS_SECONDS = 15.0
"""What a picture is assumed to take until some have been measured."""


def picture_urls(base_url: str, job_id: UUID, prompt_job_id: UUID | None) -> PictureUrls:
    """Where to go on with a job."""
    here = f"{base_url}/api/jobs/{job_id}"
    prompt = f"{base_url}/api/prompt/queue/{prompt_job_id}" if prompt_job_id else None
    return PictureUrls(self=here, retry=f"{here}/retry", timeline=f"{here}/timeline", prompt=prompt)


def created_view(
    job_id: UUID, prompt_job_id: UUID | None, *, ahead: int, count: int, stats: QueueStats,
    pace: float | None, base_url: str, stand_in: bool,
) -> Created:  # fmt: skip
    """A job that was just created; `ahead` prompts come before its own."""
    prompt = wait_seconds(stats, ahead) if prompt_job_id else 0
    return Created(
        job_id=job_id,
        prompt_job_id=prompt_job_id,
        status=PictureStatus.WAITING_PROMPT if prompt_job_id else PictureStatus.QUEUED,
        prompt_status="generating" if prompt_job_id else "completed",
        count=count,
        estimated_prompt_time=prompt,
        estimated_wait_time=prompt + _seconds(pace),
        urls=picture_urls(base_url, job_id, prompt_job_id),
        stand_in=stand_in,
    )


def picture_job_view(
    rows: Sequence[PictureRow],
    prompt_job: PromptJob | None,
    *,
    prompt_seconds: int,
    pace: float | None,
    base_url: str,
    stand_in: bool,
) -> PictureJobView:
    """A job by its pictures; `prompt_seconds` until its prompt is there, where it waits for one."""
    first = rows[0]
    status = status_of_all({row.status for row in rows})
    waits = status is PictureStatus.WAITING_PROMPT
    with_error = next((row for row in rows if row.error), None)
    ended = [row.completed_at for row in rows if row.completed_at is not None]
    estimate = 0 if status.is_final else (prompt_seconds if waits else 0) + _seconds(pace)
    return PictureJobView(
        job_id=first.job_id,
        row_id=first.row_id,
        prompt_job_id=first.prompt_job_id,
        status=status,
        prompt_status=_prompt_status(rows),
        prompt=first.prompt,
        partial_prompt=prompt_job.partial_prompt if prompt_job else None,
        generation_model=first.generation_model,
        width=first.width,
        height=first.height,
        count=len(rows),
        priority=first.priority,
        pictures=[_picture(row) for row in rows],
        error=with_error.error if with_error else None,
        error_code=with_error.error_code if with_error else None,
        estimated_wait_time=estimate,
        next_poll_ms=0 if status.is_final else poll_after(estimate) * 1000,
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
    )


def _seconds(pace: float | None) -> int:
    return max(1, round(FIRST_GUESS_SECONDS if pace is None else pace))
