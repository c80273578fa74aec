"""Answers, camelCase as the front end knows them."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from prompt_queue.jobs.eta import Forecast
from prompt_queue.jobs.feedback import Feedback, Reason, Verdict
from prompt_queue.jobs.job import MinQuality, Operation, Source, Status
from prompt_queue.jobs.waiting import WaitCode
from prompt_queue.jobs.waiting import WaitingReason as Waiting

_JOB: Final = "019ab4c2-7d1e-7c33-8f20-5b1d6a9e4c10"


class Answer(BaseModel):
    """An answer in JSON."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, populate_by_name=True)


class Eta(Answer):
    """Seconds from now until the job starts and is done, in half and in nine of ten cases."""

    start_p50: float
    start_p90: float
    done_p50: float
    done_p90: float

    @classmethod
    def of(cls, forecast: Forecast | None) -> "Eta | None":
        """Rounded to tenths; None stays None."""
        if forecast is None:
            return None
        return cls(
            start_p50=round(forecast.start_p50, 1),
            start_p90=round(forecast.start_p90, 1),
            done_p50=round(forecast.done_p50, 1),
            done_p90=round(forecast.done_p90, 1),
        )


class WaitingReason(Answer):
    """Why the job waits."""

    code: WaitCode
    until: datetime | None = Field(description="When that ends by itself, if anybody knows.")
    detail: str = Field(description="A sentence that says what would let the job go on.")

    @classmethod
    def of(cls, reason: Waiting | None) -> "WaitingReason | None":
        """None stays None."""
        if reason is None:
            return None
        return cls(code=reason.code, until=reason.until, detail=reason.detail)


class FeedbackView(Answer):
    """What you think of a prompt or of a picture."""

    verdict: Verdict
    reason: Reason | None
    text: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, found: Feedback | None) -> "FeedbackView | None":
        """None stays None."""
        if found is None:
            return None
        return cls(
            verdict=found.verdict,
            reason=found.reason,
            text=found.words,
            created_at=found.created_at,
            updated_at=found.updated_at,
        )


class JobUrls(Answer):
    """Where to go on with a job."""

    self: str = Field(description="GET: the job; DELETE cancels it.")
    cancel: str = Field(description="DELETE")
    retry: str = Field(description="POST, when it has failed")
    timeline: str = Field(description="GET")


class Accepted(Answer):
    """A job that waits in the queue."""

    prompt_job_id: UUID = Field(examples=[_JOB])
    status: Status
    estimated_wait_time: int = Field(description="Seconds until the prompt is there, estimated.")
    position: int | None = Field(description="Jobs that come before this one.")
    position_exact: bool = Field(default=True, description="False beyond 1,000: an estimate.")
    eta: Eta | None = Field(default=None, description="Null where nobody can know, see etaReason.")
    eta_reason: str | None = Field(default=None, description="Why there is no eta.")
    urls: JobUrls
    stand_in: bool = Field(description="True when a local stand-in answers instead of Grok.")


class JobView(Answer):
    """A job as its owner sees it."""

    prompt_job_id: UUID = Field(examples=[_JOB])
    row_id: UUID
    model_id: UUID
    status: Status
    generated_prompt: str | None
    partial_prompt: str | None = Field(
        description="With `stream`: what a model has written so far. It may still come to nothing."
    )
    error: str | None = Field(description="A sentence that a person understands, or null.")
    error_code: str | None = Field(description="The class of the error.")
    priority: int
    priority_band: str = Field(description="low, normal, high or critical")
    retry_count: int
    max_retries: int
    position: int | None = Field(description="Jobs that come before this one, null unless queued.")
    position_exact: bool = Field(description="False beyond 1,000: an estimate.")
    estimated_wait_time: int = Field(description="Seconds, 0 when the job has ended.")
    eta: Eta | None = Field(description="Null when it has ended, or for the etaReason.")
    eta_reason: str | None = Field(description="Why there is no eta.")
    waiting_reason: WaitingReason | None = Field(description="Null unless the job waits.")
    next_poll_ms: int = Field(
        description="Milliseconds after which it is worth asking again, 0 when the job has ended."
    )
    next_attempt_at: datetime | None = Field(description="Not claimed before this time.")
    source: Source | None
    model: str | None
    strategy: str | None = Field(description="Version of the words that made the prompt.")
    degraded: bool = Field(description="The prompt is not from the first model of the ladder.")
    min_quality: MinQuality
    operation: Operation
    stand_in: bool = Field(description="True when a local stand-in answers instead of Grok.")
    target_url: str
    ref_urls: list[str]
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime
    feedback: FeedbackView | None = Field(description="What you think of the prompt.")
    urls: JobUrls


class JobSummary(Answer):
    """A job in a list."""

    prompt_job_id: UUID
    row_id: UUID
    status: Status
    generated_prompt: str | None
    error: str | None
    error_code: str | None
    priority: int
    priority_band: str
    retry_count: int
    source: Source | None
    model: str | None
    degraded: bool
    stand_in: bool
    target_url: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime
    urls: JobUrls


class JobPage(Answer):
    """Newest first."""

    data: list[JobSummary]
    has_more: bool
    next_cursor: str | None


class Receipt(Answer):
    """What had been spent when a job was cancelled."""

    spent_usd: float
    calls: int
    call_in_flight: bool = Field(description="A call to Grok is out and may still be charged.")
    saved_usd: float | None = Field(
        description="What the call that is not made any more would have cost, by your recent calls."
    )


class Cancelled(Answer):
    """A job that nobody will work on any more."""

    prompt_job_id: UUID
    status: Status
    receipt: Receipt


class TimelineEvent(Answer):
    """Something that happened to a job."""

    id: int
    kind: str
    data: dict[str, Any]
    created_at: datetime


class PaidCall(Answer):
    """A call to the provider, as the ledger has it."""

    call_id: UUID
    model: str | None
    served_model: str | None
    state: str
    http_status: int | None
    error_code: str | None
    cost_usd: float | None
    started_at: datetime
    ended_at: datetime | None


class TimelineWebhook(Answer):
    """A message about a job, as its timeline has it."""

    id: UUID
    type: str
    endpoint_id: UUID | None = Field(description="Null: the request asked for it.")
    state: str
    tries: int
    last_status: int | None
    created_at: datetime
    ended_at: datetime | None


class Timeline(Answer):
    """Everything that happened to a job, oldest first."""

    prompt_job_id: UUID
    events: list[TimelineEvent]
    calls: list[PaidCall]
    webhooks: list[TimelineWebhook]


class Heard(Answer):
    """What came of a webhook."""

    answer: str = Field(
        description="taken; repeated (that one was taken before); late (the picture has ended); "
        "unknown"
    )


class QueueStatsView(Answer):
    """The queue at a glance; times in seconds."""

    total_queued: int
    total_processing: int
    total_completed: int
    total_failed: int
    average_wait_time: float
    estimated_wait_time: float


class RowView(Answer):
    """A row of model_rows."""

    row_id: UUID
    model_id: UUID
    target_url: str | None
    created_at: datetime


class RowPage(Answer):
    """Newest first."""

    data: list[RowView]
    has_more: bool
    next_cursor: str | None


class Uploaded(Answer):
    """A stored picture; `url` can be used as targetUrl and in refUrls."""

    url: str
    media_type: str
    bytes: int
    width: int
    height: int
    expires_at: datetime
