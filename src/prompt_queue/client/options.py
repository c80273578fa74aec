"""The fields of requests that may be left out; docs/http-api.md says what each does."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

Id = str | UUID


class PromptOptions(TypedDict, total=False):
    """What prompts and pictures have in common.

    `idempotency_key`: repeats under one key make one job, for 24 hours; without it, each call makes
    a key of its own and keeps it over its retries. `more`: fields that this client does not know.
    """

    ref_urls: Sequence[str]
    priority: int
    min_quality: Literal["model", "any_model", "template_ok"]
    existing_prompt: str
    user_instructions: str
    cache: Literal["use", "refresh", "off"]
    stream: bool
    identity_consent: bool
    webhook: Mapping[str, Any]
    idempotency_key: str
    more: Mapping[str, Any]


class EnqueueOptions(PromptOptions, total=False):
    """What `enqueue` takes besides the row and the target."""

    operation: Literal["generate", "enhance"]


class CreateOptions(PromptOptions, total=False):
    """What `jobs.create` takes besides the row."""

    use_ai_prompt: bool
    prompt: str
    target_url: str
    generation_model: str
    width: int
    height: int
    count: int
    metadata: Any


class PromptFilter(TypedDict, total=False):
    """Which prompt jobs `list` brings, and how many a request."""

    status: Literal["queued", "processing", "completed", "failed", "cancelled"]
    row_id: Id
    created_after: datetime
    page_size: int


class PictureFilter(TypedDict, total=False):
    """Which picture jobs `jobs.list` brings, and how many a request."""

    row_id: Id
    page_size: int


class RowOptions(TypedDict, total=False):
    """What a new row may have."""

    model_id: Id
    target_url: str
    ref_urls: Sequence[str]
