"""The request that becomes a picture, camelCase as the front end sends it."""

import json
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, model_validator

from prompt_queue.api.request_base import Request, complain
from prompt_queue.api.requests import (
    LONGEST_WORDS,
    ROW_EXAMPLE,
    References,
    Url,
    or_default,
    or_none,
    read_priority,
    read_references,
    read_url,
    read_uuid,
    read_words,
)
from prompt_queue.api.webhook_wishes import Address, WebhookWish, read_address
from prompt_queue.jobs.generation_models import (
    LEAST_SIDE,
    MOST_SIDE,
    find_picture_model,
    known_picture_models,
)
from prompt_queue.jobs.job import CacheUse, MinQuality
from prompt_queue.jobs.priority import DEFAULT, HIGHEST, LOWEST

MOST_PICTURES: Final = 8
MOST_METADATA_CHARACTERS: Final = 4000


def _read_model(value: object) -> str | None:
    if value is None:
        return None
    model = find_picture_model(value) if isinstance(value, str) else None
    if model is None:
        raise complain(f"generationModel must be one of {', '.join(known_picture_models())}.")
    return model.name


def _read_metadata(value: object) -> object:
    if value is not None and len(json.dumps(value)) > MOST_METADATA_CHARACTERS:
        raise complain(f"metadata may have at most {MOST_METADATA_CHARACTERS} characters as JSON.")
    return value


Side = Annotated[int | None, Field(ge=LEAST_SIDE, le=MOST_SIDE)]


class JobRequest(Request):
    """A picture to be made. What it does not say comes from the row."""

    row_id: Annotated[UUID, BeforeValidator(read_uuid)] = Field(
        description="The id of a row that belongs to you.", examples=[ROW_EXAMPLE]
    )
    use_ai_prompt: Annotated[bool, BeforeValidator(or_default(False))] = Field(
        default=False, description="Let Grok write the prompt; the job waits for it."
    )
    prompt: Annotated[str | None, BeforeValidator(read_words)] = Field(
        default=None,
        max_length=LONGEST_WORDS,
        description="The prompt, without useAiPrompt. Default: that of the row.",
    )
    prompt_job_id: Annotated[UUID | None, BeforeValidator(or_none(read_uuid))] = Field(
        default=None,
        description="The completed prompt job that the prompt comes from; without prompt, its "
        "prompt is taken as it is.",
    )
    target_url: Annotated[Url | None, BeforeValidator(or_none(read_url))] = Field(
        default=None, description="The picture to edit. Default: that of the row."
    )
    ref_urls: Annotated[References | None, BeforeValidator(or_none(read_references))] = Field(
        default=None, description="Reference pictures, in order. Default: those of the row."
    )
    priority: Annotated[int, BeforeValidator(read_priority), Field(ge=LOWEST, le=HIGHEST)] = Field(
        default=DEFAULT, description="10 is the most urgent, 1 the least; of prompt and picture."
    )
    generation_model: Annotated[str | None, BeforeValidator(_read_model)] = Field(
        default=None,
        description="The picture model, by its name or a short one. Default: the operator's.",
        examples=["seedream"],
    )
    width: Side = Field(default=None, description="Pixels. Default: those of the target.")
    height: Side = Field(default=None, description="Pixels.")
    count: Annotated[int, BeforeValidator(or_default(1)), Field(ge=1, le=MOST_PICTURES)] = Field(
        default=1, description="How many pictures to make; each is paid for."
    )
    min_quality: Annotated[MinQuality, BeforeValidator(or_default(MinQuality.TEMPLATE_OK))] = Field(
        default=MinQuality.TEMPLATE_OK,
        description="With useAiPrompt: how far down the ladder the prompt may come from.",
    )
    existing_prompt: Annotated[str | None, BeforeValidator(read_words)] = Field(
        default=None,
        max_length=LONGEST_WORDS,
        description="With useAiPrompt: a prompt to make better instead of writing one.",
    )
    user_instructions: Annotated[str | None, BeforeValidator(read_words)] = Field(
        default=None, max_length=LONGEST_WORDS, description="With useAiPrompt: wishes for it."
    )
    cache: Annotated[CacheUse, BeforeValidator(or_default(CacheUse.USE))] = Field(
        default=CacheUse.USE, description="With useAiPrompt: as for prompts alone."
    )
    stream: Annotated[bool, BeforeValidator(or_default(False))] = Field(
        default=False, description="With useAiPrompt: show the text while it is written."
    )
    identity_consent: bool | None = Field(
        default=None, description="The people in the pictures agree that their likeness is edited."
    )
    metadata: Annotated[Any, BeforeValidator(_read_metadata)] = Field(
        default=None, description="Anything of yours; it comes back with the job."
    )

    webhook: WebhookWish | None = Field(
        default=None, description="Tell this address when the job and its prompt end."
    )
    webhook_url: Annotated[Address | None, BeforeValidator(or_none(read_address))] = Field(
        default=None, description="Short for webhook with this url and all events."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.use_ai_prompt and self.prompt:
            raise complain("Send prompt or useAiPrompt, not both; existingPrompt is made better.")
        if self.use_ai_prompt and self.prompt_job_id:
            raise complain("Send promptJobId or useAiPrompt: one prompt is there, one is written.")
        if (self.width is None) != (self.height is None):
            raise complain("width and height belong together: send both or neither.")
        if self.webhook and self.webhook_url:
            raise complain("webhookUrl is short for webhook: send one of them.")
        return self
