"""Requests and answers, camelCase as the front end knows them."""

import re
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from prompt_queue.guards.urls import LONGEST_URL
from prompt_queue.jobs.job import Source, Status
from prompt_queue.jobs.priority import DEFAULT, HIGHEST, LOWEST

MOST_REFERENCES: Final = 16
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_ROW: Final = "00000000-0000-4000-a000-000000000003"
_JOB: Final = "019ab4c2-7d1e-7c33-8f20-5b1d6a9e4c10"
_PHOTO: Final = "https://images.example.com/portrait.jpg"


def parse_uuid(text: object) -> UUID | None:
    """A UUID in its usual spelling with hyphens, else None."""
    return UUID(text) if isinstance(text, str) and _UUID.fullmatch(text) else None


def _complain(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("sentence", "{sentence}", {"sentence": sentence})


def _read_uuid(value: object) -> UUID:
    found = parse_uuid(value)
    if found is None:
        raise _complain(f"This must be a UUID with hyphens, for example {_ROW}.")
    return found


def _read_priority(value: object) -> int:
    if value is None:
        return DEFAULT
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not LOWEST <= int(str(value)) <= HIGHEST:
        raise _complain(
            f"priority must be a whole number from {LOWEST} to {HIGHEST}: 1-3 low, 4-6 normal, "
            "7-9 high, 10 critical."
        )
    return int(str(value))


def _read_target(value: object) -> str:
    if value is None or value == "":
        raise _complain(
            "targetUrl is empty: give the https address of the picture that is to be edited."
        )
    return _read_url(value)


def _read_url(value: object) -> str:
    if not isinstance(value, str):
        raise _complain("This must be the https address of a picture, as text.")
    if len(value) > LONGEST_URL:
        raise _complain(f"The address is longer than {LONGEST_URL} characters; use a shorter one.")
    return value


def _read_references(value: object) -> object:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _complain("refUrls must be a list of addresses, for example [] without references.")
    if len(value) > MOST_REFERENCES:
        raise _complain(
            f"refUrls has {len(value)} addresses; at most {MOST_REFERENCES} references fit."
        )
    return value


def _or_none(read: Any) -> Any:
    return lambda value: None if value is None else read(value)


Url = Annotated[str, BeforeValidator(_read_url), Field(max_length=LONGEST_URL)]
References = Annotated[
    list[Url], BeforeValidator(_read_references), Field(max_length=MOST_REFERENCES)
]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class _Request(_Model):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="forbid")


class _Answer(_Model):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, populate_by_name=True)


class EnqueueRequest(_Request):
    """A picture to be edited, and what to take from where."""

    row_id: Annotated[UUID, BeforeValidator(_read_uuid)] = Field(
        description="The id of a row that belongs to you.", examples=[_ROW]
    )
    target_url: Annotated[
        str, BeforeValidator(_read_target), Field(min_length=1, max_length=LONGEST_URL)
    ] = Field(
        description="The https address of the picture that is to be edited.", examples=[_PHOTO]
    )
    ref_urls: References = Field(
        default=[], description="Reference pictures, in the order in which they are numbered."
    )
    priority: Annotated[int, BeforeValidator(_read_priority), Field(ge=LOWEST, le=HIGHEST)] = Field(
        default=DEFAULT, description="10 is the most urgent, 1 the least."
    )


class RowRequest(_Request):
    """A row of model_rows; without a model, in your first one."""

    model_id: Annotated[UUID | None, BeforeValidator(_or_none(_read_uuid))] = None
    target_url: Annotated[Url | None, BeforeValidator(_or_none(_read_url))] = None
    ref_urls: References = []


class JobUrls(_Answer):
    """Where to go on with a job."""

    self: str = Field(description="GET: the job; DELETE cancels it.")
    cancel: str = Field(description="DELETE")
    retry: str = Field(description="POST, when it has failed")
    timeline: str = Field(description="GET")


class Accepted(_Answer):
    """A job that waits in the queue."""

    prompt_job_id: UUID = Field(examples=[_JOB])
    status: Status
    estimated_wait_time: int = Field(description="Seconds until the prompt is there, estimated.")
    position: int | None = Field(description="Jobs that come before this one.")
    urls: JobUrls
    stand_in: bool = Field(description="True when a local stand-in answers instead of Grok.")


class JobView(_Answer):
    """A job as its owner sees it."""

    prompt_job_id: UUID = Field(examples=[_JOB])
    row_id: UUID
    model_id: UUID
    status: Status
    generated_prompt: str | None
    error: str | None = Field(description="A sentence that a person understands, or null.")
    error_code: str | None = Field(description="The class of the error.")
    priority: int
    priority_band: str = Field(description="low, normal, high or critical")
    retry_count: int
    max_retries: int
    position: int | None = Field(description="Jobs that come before this one, null unless queued.")
    estimated_wait_time: int = Field(description="Seconds, 0 when the job has ended.")
    next_attempt_at: datetime | None = Field(description="Not claimed before this time.")
    source: Source | None
    model: str | None
    stand_in: bool = Field(description="True when a local stand-in answers instead of Grok.")
    target_url: str
    ref_urls: list[str]
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime
    urls: JobUrls


class JobSummary(_Answer):
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
    stand_in: bool
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime
    urls: JobUrls


class JobPage(_Answer):
    """Newest first."""

    data: list[JobSummary]
    has_more: bool
    next_cursor: str | None


class Receipt(_Answer):
    """What had been spent when a job was cancelled."""

    spent_usd: float
    calls: int
    call_in_flight: bool = Field(description="A call to Grok is out and may still be charged.")
    saved_usd: float | None = Field(
        description="What the call that is not made any more would have cost, by recent calls."
    )


class Cancelled(_Answer):
    """A job that nobody will work on any more."""

    prompt_job_id: UUID
    status: Status
    receipt: Receipt


class TimelineEvent(_Answer):
    """Something that happened to a job."""

    id: int
    kind: str
    data: dict[str, Any]
    created_at: datetime


class PaidCall(_Answer):
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


class Timeline(_Answer):
    """Everything that happened to a job, oldest first."""

    prompt_job_id: UUID
    events: list[TimelineEvent]
    calls: list[PaidCall]


class QueueStatsView(_Answer):
    """The queue at a glance; times in seconds."""

    total_queued: int
    total_processing: int
    total_completed: int
    total_failed: int
    average_wait_time: float
    estimated_wait_time: float


class RowView(_Answer):
    """A row of model_rows."""

    row_id: UUID
    model_id: UUID
    target_url: str | None
    created_at: datetime


class RowPage(_Answer):
    """Newest first."""

    data: list[RowView]
    has_more: bool
    next_cursor: str | None


class Uploaded(_Answer):
    """A stored picture; `url` can be used as targetUrl and in refUrls."""

    url: str
    media_type: str
    bytes: int
    width: int
    height: int
    expires_at: datetime
