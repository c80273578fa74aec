"""What the server answers, as frozen dataclasses; `raw` is the JSON as it came.

Times have a time zone; durations are seconds. Fields that a server does not send are None or empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

_ENDED: Final = frozenset({"completed", "succeeded", "failed", "cancelled"})


@dataclass(frozen=True, kw_only=True)
class Record:
    """Anything with the JSON that it was read from."""

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class WaitingReason:
    """Why a job is not being worked on, and what would change that."""

    code: str
    until: datetime | None = None
    detail: str | None = None


@dataclass(frozen=True, kw_only=True)
class Job(Record):
    """What jobs for prompts and jobs for pictures have in common."""

    status: str
    priority: int = 5
    error: str | None = None
    error_code: str | None = None
    partial_prompt: str | None = None
    estimated_wait_time: float = 0.0
    waiting_reason: WaitingReason | None = None
    eta: Mapping[str, Any] | None = None
    next_poll_ms: int | None = None
    stand_in: bool = False
    created_at: datetime | None = None
    completed_at: datetime | None = None
    updated_at: datetime | None = None
    urls: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status in _ENDED

    @property
    def succeeded(self) -> bool:
        """Whether it has ended well."""
        return self.status in {"completed", "succeeded"}


@dataclass(frozen=True, kw_only=True)
class PromptJob(Job):
    """A prompt that is to be written, or was. `source` says where the prompt comes from."""

    prompt_job_id: str
    row_id: str | None = None
    model_id: str | None = None
    generated_prompt: str | None = None
    priority_band: str | None = None
    retry_count: int = 0
    max_retries: int | None = None
    position: int | None = None
    next_attempt_at: datetime | None = None
    source: str | None = None
    model: str | None = None
    strategy: str | None = None
    degraded: bool = False
    min_quality: str | None = None
    operation: str | None = None
    target_url: str | None = None
    ref_urls: tuple[str, ...] = ()
    started_at: datetime | None = None

    @property
    def id(self) -> str:
        """The same as `prompt_job_id`."""
        return self.prompt_job_id


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture of a job. `url` is where it stays."""

    number: int
    status: str
    url: str | None = None
    thumbnail_url: str | None = None
    width: int | None = None
    height: int | None = None
    media_type: str | None = None
    bytes: int | None = None
    error: str | None = None
    error_code: str | None = None
    resubmitted: bool = False
    submitted_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class PictureJob(Job):
    """Pictures that are to be made, or were, with the prompt that they wait for."""

    job_id: str
    row_id: str | None = None
    prompt_job_id: str | None = None
    prompt_status: str | None = None
    prompt: str | None = None
    generation_model: str | None = None
    width: int | None = None
    height: int | None = None
    count: int = 1
    pictures: tuple[Picture, ...] = ()
    metadata: Any = None

    @property
    def id(self) -> str:
        """The same as `job_id`."""
        return self.job_id


@dataclass(frozen=True, kw_only=True)
class Enqueued(Record):
    """A prompt job that is committed. `position` counts the jobs that come first."""

    prompt_job_id: str
    status: str
    estimated_wait_time: float = 0.0
    position: int | None = None
    stand_in: bool = False
    urls: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same as `prompt_job_id`."""
        return self.prompt_job_id


@dataclass(frozen=True, kw_only=True)
class Created(Record):
    """A picture job that is committed."""

    job_id: str
    status: str
    prompt_job_id: str | None = None
    prompt_status: str | None = None
    count: int = 1
    estimated_prompt_time: float = 0.0
    estimated_wait_time: float = 0.0
    stand_in: bool = False
    urls: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same as `job_id`."""
        return self.job_id


@dataclass(frozen=True, kw_only=True)
class Cancelled(Record):
    """A job that nobody works on any more; `receipt` says what was spent."""

    status: str
    receipt: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TimelineEvent:
    """Something that happened to a job."""

    id: int
    kind: str
    created_at: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PaidCall:
    """A call to a provider."""

    call_id: str
    state: str | None = None
    model: str | None = None
    served_model: str | None = None
    http_status: int | None = None
    error_code: str | None = None
    cost_usd: float | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Timeline(Record):
    """What happened to a job and what was paid for it, oldest first."""

    events: tuple[TimelineEvent, ...] = ()
    calls: tuple[PaidCall, ...] = ()


@dataclass(frozen=True, kw_only=True)
class QueueStats(Record):
    """The queue at a glance; the estimate is for a job that is queued now."""

    total_queued: int = 0
    total_processing: int = 0
    total_completed: int = 0
    total_failed: int = 0
    average_wait_time: float = 0.0
    estimated_wait_time: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Row(Record):
    """A row of model_rows."""

    row_id: str
    model_id: str | None = None
    target_url: str | None = None
    created_at: datetime | None = None

    @property
    def id(self) -> str:
        """The same as `row_id`."""
        return self.row_id


@dataclass(frozen=True, kw_only=True)
class Uploaded(Record):
    """A stored picture; `url` goes into target_url or ref_urls until `expires_at`."""

    url: str
    media_type: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    expires_at: datetime | None = None


J = TypeVar("J", bound=Job)


@dataclass(frozen=True, kw_only=True)
class Update(Generic[J]):
    """News of a watched job.

    `kind`: `snapshot` (how it stands), `partial` (more of the prompt's text), `changed` (found by
    polling), or the name of the event that happened. `event_id` is the event's number, for
    `watch(..., last_event_id=)`; None where there is none. `via`: `stream` or `poll`.
    """

    job: J
    kind: str
    event_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    via: str = "stream"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self.job.is_final
