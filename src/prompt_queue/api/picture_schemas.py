"""Answers about jobs that become pictures."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from prompt_queue.api.schemas import (
    Answer,
    Eta,
    FeedbackView,
    PaidCall,
    TimelineEvent,
    TimelineWebhook,
    WaitingReason,
)
from prompt_queue.jobs.picture import PictureStatus


class PictureUrls(Answer):
    """Where to go on with a job."""

    self: str = Field(description="GET: the job; DELETE cancels it.")
    retry: str = Field(description="POST, when it has failed")
    timeline: str = Field(description="GET")
    prompt: str | None = Field(description="GET: the prompt job that it waits for.")


class Created(Answer):
    """A job that was created."""

    job_id: UUID
    prompt_job_id: UUID | None = Field(description="The prompt it waits for or was made from.")
    status: PictureStatus
    prompt_status: str = Field(description="generating or completed")
    count: int
    estimated_prompt_time: int = Field(description="Seconds until the prompt is there; 0: it is.")
    estimated_wait_time: int = Field(description="Seconds until the pictures are there.")
    eta: Eta | None = Field(default=None, description="Prompt and pictures together.")
    eta_reason: str | None = Field(default=None, description="Why there is no eta.")
    urls: PictureUrls
    stand_in: bool = Field(description="True when a local stand-in plays Grok or WaveSpeed.")


class PictureView(Answer):
    """One picture of a job."""

    number: int
    status: PictureStatus
    url: str | None = Field(description="Where the picture stays.")
    thumbnail_url: str | None
    width: int | None
    height: int | None
    media_type: str | None
    bytes: int | None
    error: str | None
    error_code: str | None
    resubmitted: bool = Field(
        description="It was sent again because nobody knows what became of the first submit."
    )
    submitted_at: datetime | None
    completed_at: datetime | None
    feedback: FeedbackView | None


class PictureJobView(Answer):
    """A job as its owner sees it."""

    job_id: UUID
    row_id: UUID | None
    prompt_job_id: UUID | None
    status: PictureStatus = Field(description="Open while one of its pictures is.")
    prompt_status: str = Field(description="generating, completed or failed")
    prompt: str | None
    partial_prompt: str | None = Field(description="With stream: the prompt as far as it goes.")
    target_url: str
    ref_urls: list[str]
    generation_model: str
    width: int | None
    height: int | None
    count: int
    priority: int
    pictures: list[PictureView]
    error: str | None
    error_code: str | None
    estimated_wait_time: int
    eta: Eta | None = Field(description="Null when it has ended, or for the etaReason.")
    eta_reason: str | None = Field(description="Why there is no eta.")
    waiting_reason: WaitingReason | None = Field(description="Null unless the job waits.")
    next_poll_ms: int = Field(
        description="Milliseconds after which it is worth asking again, 0 when the job has ended."
    )
    metadata: Any
    stand_in: bool
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    urls: PictureUrls


class PictureJobPage(Answer):
    """Newest first."""

    data: list[PictureJobView]
    has_more: bool
    next_cursor: str | None


class PictureReceipt(Answer):
    """What a cancel stopped, and what it could not."""

    cancelled: int = Field(description="Pictures that will not be there.")
    at_provider: int = Field(
        description="Of these: already with WaveSpeed, which is told, may go on and may charge."
    )
    succeeded: int = Field(description="Pictures that were there already, and stay.")
    prompt_cancelled: bool
    spent_usd: float
    sentence: str


class PictureJobCancelled(Answer):
    """The receipt of a cancel."""

    job_id: UUID
    status: PictureStatus
    receipt: PictureReceipt


class PictureTimeline(Answer):
    """What happened to a job, its prompt and its pictures, oldest first."""

    job_id: UUID
    events: list[TimelineEvent]
    calls: list[PaidCall]
    webhooks: list[TimelineWebhook]
