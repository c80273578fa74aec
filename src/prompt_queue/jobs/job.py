"""What a prompt job is, as the rest of the house sees it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from prompt_queue.jobs.feedback import Feedback


class Status(StrEnum):
    """Where a job stands. `completed` and `cancelled` never change."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True when no worker will touch the job again."""
        return self not in {Status.QUEUED, Status.PROCESSING}


class Source(StrEnum):
    """Where a finished prompt came from."""

    MODEL = "model"
    CACHE = "cache"
    TEMPLATE = "template"
    EXISTING = "existing"
    MANUAL = "manual"


class CacheUse(StrEnum):
    """Whether a prompt that was paid for before will do."""

    USE = "use"
    REFRESH = "refresh"
    OFF = "off"


class MinQuality(StrEnum):
    """How far down the ladder a prompt may come from: the first model, any, or a template."""

    MODEL = "model"
    ANY_MODEL = "any_model"
    TEMPLATE_OK = "template_ok"


class Operation(StrEnum):
    """Write a prompt, or make an existing one better."""

    GENERATE = "generate"
    ENHANCE = "enhance"


STAND_IN_PREFIX = "stand-in:"


def is_stand_in(model: str | None) -> bool:
    """True when the answer was made up by the local stand-in and not by Grok."""
    return bool(model and model.startswith(STAND_IN_PREFIX))


def is_another_model(asked: str, answered: str | None) -> bool:
    """True when another model answered than was asked, perhaps at another price.

    A dated version of the same model, and the stand-in, count as the one that was asked.
    """
    return bool(answered) and not (answered or "").removeprefix(STAND_IN_PREFIX).startswith(asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptJob:
    """One row of `prompt_generation_jobs`.

    `partial_prompt` is what a model has written so far, of a job that asked to be streamed.
    """

    id: UUID
    row_id: UUID
    model_id: UUID
    user_id: UUID
    ref_urls: tuple[str, ...]
    target_url: str
    status: Status
    generated_prompt: str | None
    error: str | None
    error_code: str | None
    source: Source | None
    model: str | None
    strategy: str | None
    degraded: bool
    min_quality: MinQuality
    operation: Operation
    retry_count: int
    max_retries: int
    priority: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    partial_prompt: str | None = None
    partial_at: datetime | None = None
    feedback: Feedback | None = None

    @property
    def changed_at(self) -> datetime:
        """When something about it changed last, be it the text that is being written."""
        return max(self.updated_at, self.partial_at or self.updated_at)


class Leased(Protocol):
    """What a worker holds, by the token that fences every write."""

    @property
    def job_id(self) -> UUID: ...
    @property
    def lease_token(self) -> UUID: ...
    @property
    def trace_context(self) -> str | None: ...


class Held(Leased, Protocol):
    """A prompt or a picture that a worker holds."""

    @property
    def priority(self) -> int: ...
    @property
    def retry_count(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job that this worker holds: what to do, and the token that fences every write about it.

    `trace_context` is the W3C traceparent of the request that queued it.
    """

    job_id: UUID
    user_id: UUID
    ref_urls: tuple[str, ...]
    target_url: str
    priority: int
    retry_count: int
    max_retries: int
    lease_token: UUID
    cache: CacheUse = CacheUse.USE
    stream: bool = False
    min_quality: MinQuality = MinQuality.TEMPLATE_OK
    operation: Operation = Operation.GENERATE
    existing_prompt: str | None = None
    user_instructions: str | None = None
    trace_context: str | None = None
