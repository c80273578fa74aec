"""Requests and answers about webhooks that we send, camelCase."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field

from prompt_queue.api.request_base import Request
from prompt_queue.api.requests import or_none
from prompt_queue.api.schemas import Answer
from prompt_queue.api.webhook_wishes import ADDRESS_EXAMPLE, Address, read_address, read_types
from prompt_queue.jobs.webhooks import WebhookType


class EndpointRequest(Request):
    """A receiver of all your results."""

    url: Address = Field(description="Its https address.", examples=[ADDRESS_EXAMPLE])
    events: Annotated[list[WebhookType], read_types(tuple(WebhookType))] = Field(
        default=[], description="Types of messages that it wants. Default: all."
    )
    description: str | None = Field(default=None, max_length=200)


class EndpointChange(Request):
    """What is to be different; the rest stays."""

    url: Annotated[Address | None, BeforeValidator(or_none(read_address))] = None
    events: Annotated[list[WebhookType], read_types(tuple(WebhookType))] = Field(
        default=[], description="[] means all."
    )
    description: str | None = Field(default=None, max_length=200)
    state: Literal["active", "disabled"] | None = Field(
        default=None, description="active: a disabled one is told of what comes from now on."
    )


class EndpointView(Answer):
    """A receiver as its owner sees it; its secret is shown when it is made and never again."""

    id: UUID
    url: str
    events: list[str] = Field(description="Empty: all types.")
    description: str | None
    state: Literal["active", "disabled"]
    disabled_reason: str | None
    failing_since: datetime | None = Field(description="Since when every try has failed.")
    old_secret_until: datetime | None = Field(description="Until then the old secret signs too.")
    created_at: datetime
    updated_at: datetime


class NewEndpointView(EndpointView):
    """A receiver that was just made."""

    secret: str = Field(
        description="What messages are signed with. Keep it: it is not shown again."
    )


class EndpointList(Answer):
    """Oldest first; there are at most 20."""

    data: list[EndpointView]


class SecretView(Answer):
    """A secret that was just made."""

    secret: str = Field(
        description="What messages are signed with. Keep it: it is not shown again."
    )
    old_secret_until: datetime | None = Field(description="Until then the old secret signs too.")


class SecretState(Answer):
    """Whether there is a secret for webhooks of single requests."""

    exists: bool
    created_at: datetime | None
    old_secret_until: datetime | None


class Sending(Answer):
    """A message that is sent now."""

    delivery_id: UUID


class TryView(Answer):
    """One call to a receiver."""

    number: int
    at: datetime
    status: int | None = Field(description="Null: no answer; error says why.")
    milliseconds: int
    answer: str | None = Field(description="The first bytes of the body, without secrets.")
    error: str | None
    next_at: datetime | None = Field(description="When it was to be tried again.")


class DeliveryView(Answer):
    """A message to one receiver; `webhook-id` is `msg_` and the id without hyphens."""

    id: UUID
    type: str
    subject: UUID = Field(description="The job that it is about.")
    state: Literal["waiting", "sending", "delivered", "exhausted", "disabled"]
    tries: int
    created_at: datetime
    ended_at: datetime | None
    next_at: datetime | None = Field(description="When it is tried next.")
    last_tries: list[TryView] = Field(description="The last 20, oldest first.")


class DeliveryPage(Answer):
    """Newest first."""

    data: list[DeliveryView]
    has_more: bool
    next_cursor: str | None
