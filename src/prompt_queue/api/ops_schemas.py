"""The overview of the operator's pages, camelCase. Times are in seconds, shares from 0 to 1."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from prompt_queue.api.operator_schemas import AlertView, ModelView, PromiseHealth
from prompt_queue.api.schemas import Answer


class QueuePause(Answer):
    """Since when, why and by whom."""

    since: datetime
    reason: str | None
    actor: str


class ModelPause(QueuePause):
    """Calls to one model are stopped."""

    model: str


class PriorityPause(QueuePause):
    """Jobs of these priorities, both ends included, stay where they are."""

    from_: int = Field(alias="from")
    to: int


class PausedView(Answer):
    """Everything that is paused."""

    queue: QueuePause | None
    models: list[ModelPause]
    priorities: list[PriorityPause]


class PromptDepth(Answer):
    """Prompt jobs that have not ended."""

    queued: int = Field(description="All that wait, the next two included.")
    delayed: int = Field(description="Not to be claimed before a time, or following another.")
    capped: int = Field(description="Their user has as many at once as may be.")
    processing: int


class PictureDepth(Answer):
    """Pictures that have not ended."""

    waiting_prompt: int = 0
    queued: int = 0
    submitting: int = 0
    submission_unknown: int = 0
    submitted: int = 0
    running: int = 0
    saving: int = 0


class StatusDepth(Answer):
    """What has not ended, by status."""

    prompts: PromptDepth
    pictures: PictureDepth


class PriorityDepth(Answer):
    """Prompt jobs of a priority."""

    priority: int
    ready: int
    delayed: int = Field(description="With those whose user has as many at once as may be.")
    processing: int
    oldest_seconds: float | None = Field(description="Since the oldest that waits was queued.")


class Depth(Answer):
    """How much there is to do."""

    by_status: StatusDepth
    by_priority: list[PriorityDepth] = Field(description="10 to 1.")


class MinuteView(Answer):
    """What happened within a minute."""

    minute: datetime
    kind: Literal["prompt", "picture"]
    arrivals: int
    completed: int
    failed: int
    cancelled: int


class SpreadView(Answer):
    """Durations of prompts that completed within the last hour, each off by less than 9 %."""

    p50: float | None
    p90: float | None
    p99: float | None
    count: int


class ErrorCount(Answer):
    """Failures of a class within the last hour."""

    kind: Literal["prompt", "picture"]
    code: str
    count: int


class SourceShare(Answer):
    """Where the prompts of the last 24 hours came from."""

    source: str
    count: int
    share: float


class ModelSpend(Answer):
    """Calls to a model since midnight UTC."""

    model: str
    provider: str
    leg: str
    calls: int
    unresolved: int = Field(description="Calls of which no answer was seen; they may be charged.")
    usd: float
    input_tokens: int
    output_tokens: int


class Spend(Answer):
    """What was spent since midnight UTC."""

    today_usd: float
    by_model: list[ModelSpend] = Field(description="The dearest first.")


class OpsModelView(ModelView):
    """A model, and how much of what it may be sent was used."""

    paused: bool
    permits_used: int = Field(description="Requests within the last minute.")
    permits_allowed: float | None = Field(description="Requests a minute; null: no limit is set.")


class DoingView(Answer):
    """A job in the hands of a worker."""

    job_id: UUID
    kind: Literal["prompt", "picture"]
    leg: Literal["prompt", "picture"]
    model: str | None
    since_seconds: float
    user_id: UUID
    priority: int


class WorkerView(Answer):
    """A worker process; nulls where it works and never said that it lives."""

    name: str
    host: str | None
    started_seconds: float | None
    silent_seconds: float | None
    slots: int | None
    busy: int
    doing: list[DoingView]


class Overview(Answer):
    """The whole queue at a glance."""

    now: datetime
    cached_seconds: float = Field(description="Age of this look, which others share.")
    stand_in: bool
    paused: PausedView
    depth: Depth
    oldest_age_seconds: float | None
    per_minute: list[MinuteView] = Field(description="The last 60 full minutes, oldest first.")
    wait: SpreadView = Field(description="From created to claimed.")
    processing: SpreadView = Field(description="From claimed to completed.")
    errors: list[ErrorCount] = Field(description="Of the last hour, the most frequent first.")
    error_rate: float | None = Field(description="Of the last hour; null: nothing has ended.")
    sources: list[SourceShare]
    spend: Spend
    models: list[OpsModelView]
    workers: list[WorkerView]
    promises: list[PromiseHealth]
    alerts: list[AlertView]
