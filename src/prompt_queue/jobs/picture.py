"""What a picture job is, as the rest of the house sees it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from prompt_queue.jobs.feedback import Feedback


class PictureStatus(StrEnum):
    """Where a picture stands, from its prompt to our storage. The last three never change."""

    WAITING_PROMPT = "waiting_prompt"
    QUEUED = "queued"
    SUBMITTING = "submitting"
    SUBMISSION_UNKNOWN = "submission_unknown"
    SUBMITTED = "submitted"
    RUNNING = "running"
    SAVING = "saving"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True when no worker will buy or change anything any more."""
        return self in {self.SUCCEEDED, self.FAILED, self.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureClaim:
    """A picture that this worker holds. `job_id` is the picture's own id, by which it is leased.

    `seconds_there`: since it was submitted, or since it was last changed. `trace_context` is the
    W3C traceparent of the request that created it.
    """

    job_id: UUID
    order_id: UUID
    number: int
    user_id: UUID
    status: PictureStatus
    prompt: str
    target_url: str
    ref_urls: tuple[str, ...]
    generation_model: str
    width: int | None
    height: int | None
    priority: int
    prediction_id: str | None
    provider_outputs: tuple[str, ...]
    retry_count: int
    max_retries: int
    resubmits: int
    lease_token: UUID
    seconds_there: float
    trace_context: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRow:
    """One row of `picture_jobs` as its owner may see it."""

    id: UUID
    job_id: UUID
    number: int
    user_id: UUID
    row_id: UUID | None
    prompt_job_id: UUID | None
    status: PictureStatus
    prompt: str | None
    target_url: str
    ref_urls: Sequence[str]
    generation_model: str
    width: int | None
    height: int | None
    priority: int
    metadata: Any
    outputs: Sequence[Mapping[str, Any]]
    nsfw: bool | None
    error: str | None
    error_code: str | None
    retry_count: int
    resubmits: int
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    completed_at: datetime | None
    due_at: datetime | None
    feedback: Feedback | None


_FURTHEST = (
    PictureStatus.SAVING, PictureStatus.RUNNING, PictureStatus.SUBMITTED,
    PictureStatus.SUBMISSION_UNKNOWN, PictureStatus.SUBMITTING, PictureStatus.QUEUED,
    PictureStatus.WAITING_PROMPT, PictureStatus.SUCCEEDED, PictureStatus.FAILED,
)  # fmt: skip


def status_of_all(statuses: Collection[PictureStatus]) -> PictureStatus:
    """A job by its pictures, as picture_job_status() in SQL: open while one of them is."""
    return next((one for one in _FURTHEST if one in statuses), PictureStatus.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOutcome:
    """What became of a leased picture, in the words of settle_picture_jobs()."""

    outcome: str
    delay: float = 0.0
    error: str | None = None
    code: str | None = None
    prediction_id: str | None = None
    provider_outputs: Sequence[str] | None = None
    outputs: Sequence[Mapping[str, Any]] | None = None
    nsfw: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPicture:
    """An output in our storage; `url` is stable. Sizes in pixels and bytes."""

    url: str
    thumbnail_url: str | None
    media_type: str
    width: int
    height: int
    size: int
    sha256: str = field(repr=False)
