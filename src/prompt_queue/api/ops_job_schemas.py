"""What an operator sees of jobs, and asks for, camelCase."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, model_validator

from prompt_queue.api.picture_schemas import PictureJobView
from prompt_queue.api.request_base import Request, complain
from prompt_queue.api.requests import read_uuid
from prompt_queue.api.schemas import Answer, Eta, JobView, TimelineWebhook, WaitingReason

MOST_JOBS = 500
Kind = Literal["prompt", "picture"]


class OpsJob(Answer):
    """A job in an operator's list."""

    id: UUID
    kind: Kind
    status: str
    priority: int
    priority_band: str = Field(description="low, normal, high or critical")
    user_id: UUID
    row_id: UUID | None
    model: str | None = Field(description="Who answered; for pictures who is asked.")
    source: str | None
    error_code: str | None
    error: str | None
    retry_count: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    next_attempt_at: datetime | None
    cost_usd: float | None
    stand_in: bool


class OpsJobPage(Answer):
    """Newest first."""

    data: list[OpsJob]
    has_more: bool = Field(
        description="There may be more: 5,000 jobs are looked at for a page, fewer may fit."
    )
    next_cursor: str | None


class OpsEvent(Answer):
    """Something that happened to the job, its prompt or its pictures."""

    id: int
    job_id: UUID
    kind: str
    actor: str | None = Field(description="Who did it, where somebody did.")
    reason: str | None = Field(description="What they gave as their reason.")
    data: dict[str, Any]
    created_at: datetime


class OpsCall(Answer):
    """A paid call, as the ledger has it."""

    call_id: UUID
    job_id: UUID
    leg: str
    provider: str
    worker: str | None
    lease: str | None = Field(description="The first characters of the lease token.")
    model: str | None
    served_model: str | None
    state: str
    http_status: int | None
    error_code: str | None
    cost_usd: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None
    started_at: datetime
    ended_at: datetime | None


class OpsTimeline(Answer):
    """Everything that happened, oldest first."""

    events: list[OpsEvent]
    calls: list[OpsCall]
    webhooks: list[TimelineWebhook]


class OpsAttempt(Answer):
    """From a claim to what came of it; null while it runs."""

    number: int
    leg: Kind
    worker: str | None
    claimed_at: datetime
    ended_at: datetime | None
    outcome: str | None
    calls: list[UUID]


class OpsReceipts(Answer):
    """What the calls came to."""

    calls: int
    unresolved: int = Field(description="Calls of which no answer was seen; they may be charged.")
    call_in_flight: bool
    spent_usd: float


class OpsJobPageView(Answer):
    """Everything that is known of a job."""

    kind: Kind
    job: JobView | PictureJobView = Field(description="As its owner sees it.")
    user_id: UUID
    waiting_reason: WaitingReason | None
    eta: Eta | None
    eta_reason: str | None
    cost_usd: float = Field(description="Of all its calls; a picture's with those of its prompt.")
    receipts: OpsReceipts
    dependents: list[UUID] = Field(description="Of a prompt: picture jobs that use it.")
    prompt_job_id: UUID | None = Field(description="Of a picture job: its prompt.")
    attempts: list[OpsAttempt]
    timeline: OpsTimeline


class OpsFilter(Request):
    """The names of the listing."""

    kind: Kind = "prompt"
    status: str | None = Field(default=None, max_length=40)
    priority: str | int | None = Field(default=None, description="n or a-b")
    model: str | None = Field(default=None, max_length=200)
    source: str | None = Field(default=None, max_length=40)
    error_code: str | None = Field(default=None, max_length=100)
    user_id: str | None = Field(default=None, max_length=36)
    row_id: str | None = Field(default=None, max_length=36)
    created_after: str | None = Field(default=None, max_length=40)
    created_before: str | None = Field(default=None, max_length=40)
    q: str | None = Field(default=None, max_length=200)


class OpsActRequest(Request):
    """Which jobs, by their ids or by a filter, and why."""

    ids: list[Annotated[UUID, BeforeValidator(read_uuid)]] | None = Field(
        default=None, max_length=MOST_JOBS, description="Prompt jobs, picture jobs, or both."
    )
    filter: OpsFilter | None = Field(default=None, description="The newest that fit are meant.")
    limit: int = Field(default=MOST_JOBS, ge=1, le=MOST_JOBS, description="With filter.")
    reason: str | None = Field(default=None, max_length=500, description="For the audit.")

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise complain("Give ids or filter: the jobs that are meant.")
        return self


class OpsRefusal(Answer):
    """A job that stayed as it was."""

    id: UUID
    code: str
    detail: str


class OpsActed(Answer):
    """What came of it."""

    changed: int
    refused: list[OpsRefusal]
    has_more: bool = Field(description="With filter: more may fit; ask again.")


class OpsAct(Answer):
    """Something that an operator, or the circuit breaker itself, did."""

    at: datetime
    actor: str
    act: str
    about: str = Field(description="A model, a job, priorities, or the queue.")
    reason: str | None
    detail: dict[str, Any]


class OpsAudit(Answer):
    """The latest first."""

    data: list[OpsAct]
    has_more: bool
    next_cursor: str | None
