"""Requests, camelCase as the front end sends them."""

import re
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, model_validator

from prompt_queue.api.request_base import Request, complain
from prompt_queue.api.webhook_wishes import WebhookWish
from prompt_queue.guards.urls import LONGEST_URL
from prompt_queue.jobs.job import CacheUse, MinQuality, Operation
from prompt_queue.jobs.priority import DEFAULT, HIGHEST, LOWEST

MOST_REFERENCES: Final = 16
LONGEST_WORDS: Final = 2000
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
ROW_EXAMPLE: Final = "00000000-0000-4000-a000-000000000003"
_PHOTO: Final = "https://images.example.com/portrait.jpg"


def parse_uuid(text: object) -> UUID | None:
    """A UUID in its usual spelling with hyphens, else None."""
    return UUID(text) if isinstance(text, str) and _UUID.fullmatch(text) else None


def read_uuid(value: object) -> UUID:
    """A UUID with hyphens."""
    found = parse_uuid(value)
    if found is None:
        raise complain(f"This must be a UUID with hyphens, for example {ROW_EXAMPLE}.")
    return found


def read_priority(value: object) -> int:
    """A priority; null is the usual one."""
    if value is None:
        return DEFAULT
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not LOWEST <= int(str(value)) <= HIGHEST:
        raise complain(
            f"priority must be a whole number from {LOWEST} to {HIGHEST}: 1-3 low, 4-6 normal, "
            "7-9 high, 10 critical."
        )
    return int(str(value))


def _read_target(value: object) -> str:
    if value is None or value == "":
        raise complain(
            "targetUrl is empty: give the https address of the picture that is to be edited."
        )
    return read_url(value)


def read_url(value: object) -> str:
    """An address as text, not too long; whether it may be fetched is checked elsewhere."""
    if not isinstance(value, str):
        raise complain("This must be the https address of a picture, as text.")
    if len(value) > LONGEST_URL:
        raise complain(f"The address is longer than {LONGEST_URL} characters; use a shorter one.")
    return value


def read_references(value: object) -> object:
    """A list that is not too long; null is empty."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise complain("refUrls must be a list of addresses, for example [] without references.")
    if len(value) > MOST_REFERENCES:
        raise complain(
            f"refUrls has {len(value)} addresses; at most {MOST_REFERENCES} references fit."
        )
    return value


def read_words(value: object) -> object:
    """Blank is absent."""
    return value.strip() or None if isinstance(value, str) else value


def or_default(default: object) -> Any:
    """Null is the default."""
    return lambda value: default if value is None else value


def or_none(read: Any) -> Any:
    """Null stays null."""
    return lambda value: None if value is None else read(value)


Url = Annotated[str, BeforeValidator(read_url), Field(max_length=LONGEST_URL)]
References = Annotated[
    list[Url], BeforeValidator(read_references), Field(max_length=MOST_REFERENCES)
]


class EnqueueRequest(Request):
    """A picture to be edited, and what to take from where."""

    row_id: Annotated[UUID, BeforeValidator(read_uuid)] = Field(
        description="The id of a row that belongs to you.", examples=[ROW_EXAMPLE]
    )
    target_url: Annotated[
        str, BeforeValidator(_read_target), Field(min_length=1, max_length=LONGEST_URL)
    ] = Field(
        description="The https address of the picture that is to be edited.", examples=[_PHOTO]
    )
    ref_urls: References = Field(
        default=[], description="Reference pictures, in the order in which they are numbered."
    )
    priority: Annotated[int, BeforeValidator(read_priority), Field(ge=LOWEST, le=HIGHEST)] = Field(
        default=DEFAULT, description="10 is the most urgent, 1 the least."
    )
    min_quality: Annotated[MinQuality, BeforeValidator(or_default(MinQuality.TEMPLATE_OK))] = Field(
        default=MinQuality.TEMPLATE_OK,
        description="How far down the ladder the prompt may come from: the first model alone, "
        "any model, or a template when no model brings one.",
    )
    operation: Annotated[Operation, BeforeValidator(or_default(Operation.GENERATE))] = Field(
        default=Operation.GENERATE,
        description="Write a prompt, or make an existing one better.",
    )
    existing_prompt: Annotated[str | None, BeforeValidator(read_words)] = Field(
        default=None,
        max_length=LONGEST_WORDS,
        description="With enhance: the prompt to make better.",
        examples=["make the coat red"],
    )
    user_instructions: Annotated[str | None, BeforeValidator(read_words)] = Field(
        default=None,
        max_length=LONGEST_WORDS,
        description="Wishes for the prompt, in the user's words.",
        examples=["keep it subtle"],
    )
    cache: Annotated[CacheUse, BeforeValidator(or_default(CacheUse.USE))] = Field(
        default=CacheUse.USE,
        description="use: a prompt that was paid for an identical request will do. refresh: ask "
        "anew, and keep the answer. off: neither.",
    )
    stream: Annotated[bool, BeforeValidator(or_default(False))] = Field(
        default=False,
        description="Show the text as `partialPrompt` while a model writes it.",
    )
    identity_consent: bool | None = Field(
        default=None,
        description="The people in the pictures agree that their likeness is edited; stored with "
        "the job.",
    )

    webhook: WebhookWish | None = Field(
        default=None, description="Tell this address when the job ends."
    )

    @model_validator(mode="after")
    def _has_what_to_enhance(self) -> Self:
        if self.operation is Operation.ENHANCE and not self.existing_prompt:
            raise complain("operation enhance needs existingPrompt, the prompt to make better.")
        return self


class RowRequest(Request):
    """A row of model_rows; without a model, in your first one."""

    model_id: Annotated[UUID | None, BeforeValidator(or_none(read_uuid))] = None
    target_url: Annotated[Url | None, BeforeValidator(or_none(read_url))] = None
    ref_urls: References = Field(default=[])
