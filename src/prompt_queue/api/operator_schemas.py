"""Answers of the operator's routes, camelCase."""

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from prompt_queue.api.request_base import Request, complain
from prompt_queue.jobs.priority import BANDS, HIGHEST, LOWEST


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, populate_by_name=True)


class PriorityRange(Request):
    """Priorities from the one to the other, both included."""

    from_: int = Field(alias="from", ge=LOWEST, le=HIGHEST)
    to: int = Field(ge=LOWEST, le=HIGHEST)


class PauseWhat(Request):
    """One model by its name, a band of priorities, or the whole queue."""

    model: str | None = Field(
        default=None, min_length=1, max_length=200, description="Only the calls to this model."
    )
    band: Literal["low", "normal", "high", "critical"] | None = Field(
        default=None, description="Only jobs of these priorities, in a word."
    )
    priorities: PriorityRange | None = Field(
        default=None, description="Only jobs of these priorities, in numbers."
    )
    reason: str | None = Field(
        default=None, max_length=500, description="For whoever looks at the queue, and the audit."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [self.model, self.band, self.priorities]
        if sum(one is not None for one in given) > 1:
            raise complain("Give model, band or priorities, one of them; without, all is meant.")
        if self.priorities and self.priorities.from_ > self.priorities.to:
            raise complain("priorities.from must not be above priorities.to.")
        return self

    @property
    def range(self) -> tuple[int, int] | None:
        """The first and the last priority; None where no band is meant."""
        if self.priorities is not None:
            return self.priorities.from_, self.priorities.to
        return BANDS[self.band] if self.band else None


class PauseView(_Answer):
    """What is paused now."""

    changed: bool = Field(description="False: it was so before.")
    queue_paused: bool
    paused_models: list[str]
    paused_priorities: list[int] = Field(description="The least urgent first.")


class BreakerRequest(Request):
    """Which breaker, and how it is to stand."""

    model: str = Field(min_length=1, max_length=200)
    state: Literal["open", "closed"]
    seconds: float | None = Field(
        default=None, ge=1, le=31_536_000,
        description="Open: after so many seconds one call may try. Null: until it is closed.",
    )  # fmt: skip
    reason: str | None = Field(default=None, max_length=500, description="For the audit.")


class ModelView(_Answer):
    """What is known of a model; times in seconds."""

    model: str
    breaker: Literal["closed", "open", "half_open"] = Field(
        description="Half open: one call may find out whether the model works again."
    )
    by_hand: bool
    cause: str | None = Field(description="The class of the fault, or the operator's reason.")
    open_seconds: float | None
    wait_seconds: float | None = Field(
        description="Until one call may try; null while open: until it is closed by hand."
    )
    retries_left: float = Field(description="Retries that may be sent now.")
    listed: bool | None = Field(description="Does the provider list it? Null: not looked up.")
    redirected: int = Field(description="Answers that came from another model.")
    requests_per_second: float | None = Field(description="Its limit; null: none is set.")
    tokens_per_minute: float | None = Field(description="Its limit; null: none is set.")
    rate: float | None = Field(description="Requests a second that the gate lets pass now.")
    limited_seconds: float | None = Field(description="How long a 429 still keeps the gate shut.")


class BreakerView(_Answer):
    """The breakers as they stand now."""

    changed: bool = Field(description="False: it was so before.")
    models: list[ModelView]


class LimitRequest(Request):
    """What a model may be sent from now on, by every worker."""

    model: str = Field(min_length=1, max_length=200)
    requests_per_second: float | None = Field(
        default=None, gt=0, lt=1_000_000, description="Null takes the limit away."
    )
    tokens_per_minute: float | None = Field(default=None, gt=0, lt=1e12)
    reason: str | None = Field(default=None, max_length=500, description="For the audit.")


class LimitView(_Answer):
    """The limits as they are now."""

    changed: bool = Field(description="False: it was so before.")
    models: list[ModelView]


class RetryManyRequest(Request):
    """Which failed jobs; a filter that is not given means any."""

    error_code: str | None = Field(default=None, max_length=100)
    failed_after: datetime | None = Field(default=None, description="Not earlier than this time.")
    failed_before: datetime | None = Field(default=None, description="Earlier than this time.")
    limit: int = Field(default=1000, ge=1, le=10_000)


class Retried(_Answer):
    """How many jobs wait in the queue again."""

    retried: int


class TickView(_Answer):
    """What one bounded processing pass did."""

    skipped: Literal[False] = False
    claimed: int
    completed: int
    retried: int
    postponed: int
    failed: int
    released: int
    rescued: int = Field(description="Jobs taken away from silent workers.")
    submitted: int = Field(description="Pictures that were bought.")
    pictures: int = Field(description="Pictures that were saved.")
    webhooks: int = Field(description="Webhooks that were delivered.")
    duration_ms: int
    more_work: bool = Field(description="Jobs are left: call again.")


class TickSkipped(_Answer):
    """Another pass is running; nothing was done, and nothing is wrong."""

    skipped: Literal[True] = True
    reason: Literal["already_running"] = "already_running"


class InitView(_Answer):
    """The state after initialisation, which may be repeated at any time."""

    schema_version: str
    applied: list[str] = Field(description="Migrations that this call applied.")
    worker: "WorkerState"
    demo_seeded: bool = Field(description="The demo user, model and row exist.")


class WorkerState(_Answer):
    """Whether anybody works on the queue."""

    running: bool
    count: int


class Live(_Answer):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(_Answer):
    """Requests can be served."""

    status: Literal["ready"] = "ready"


class DatabaseHealth(_Answer):
    """The database server."""

    version: str
    connections: int
    max_connections: int


class PromiseHealth(_Answer):
    """How well promises about waits were kept."""

    kind: str = Field(description="start or done, of prompts; picture: the end of a picture job.")
    kept: int
    scored: int = Field(description="Promises that were put to the test within these hours.")
    coverage: float = Field(description="Share whose p90 held; 0.9 is what was meant.")
    hours: int
    sentence: str


class AlertView(_Answer):
    """A rule whose threshold is passed now."""

    name: str
    since: datetime = Field(description="When it began; now, where no worker has seen it yet.")
    value: float
    threshold: float
    sentence: str = Field(description="What is wrong, and what to do.")


class Health(_Answer):
    """Depth, age and rates; times in seconds, rates from 0 to 1."""

    status: Literal["ok", "degraded"]
    reasons: list[str] = Field(description="A sentence for each thing that is not as it should be.")
    queue_depth: int
    processing: int
    oldest_queued_seconds: float | None
    completed_last_minute: int
    error_rate_last_hour: float
    average_wait_time: float
    workers: int
    slots: int = Field(description="Jobs that all workers handle at once.")
    stand_in: bool
    models: list[ModelView]
    alerts: list[AlertView] = Field(description="Rules whose threshold is passed now.")
    database: DatabaseHealth
    promises: list[PromiseHealth]
