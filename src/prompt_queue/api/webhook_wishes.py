"""The wish to be told, as requests carry it."""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from prompt_queue.api.request_base import Request, complain
from prompt_queue.guards.urls import LONGEST_URL
from prompt_queue.jobs.webhooks import OF_JOBS, WebhookType

ADDRESS_EXAMPLE: Final = "https://example.com/hooks/prompt-queue"


def read_address(value: object) -> str:
    """The address of a receiver as text; whether it may be called is checked elsewhere."""
    if not isinstance(value, str) or not value:
        raise complain("This must be the https address of your receiver, as text.")
    if len(value) > LONGEST_URL:
        raise complain(f"The address is longer than {LONGEST_URL} characters; use a shorter one.")
    return value


def read_types(known: tuple[WebhookType, ...]) -> BeforeValidator:
    """A list of some of these types; null is all."""

    def read(value: object) -> list[str]:
        if value is None:
            return []
        if not isinstance(value, list) or any(one not in set(known) for one in value):
            raise complain(f"events is a list of some of {', '.join(known)}; [] means all.")
        return sorted(set(value))

    return BeforeValidator(read)


Address = Annotated[str, BeforeValidator(read_address), Field(max_length=LONGEST_URL)]


class WebhookWish(Request):
    """Where to tell of the end of this one job."""

    url: Address = Field(
        description="The https address of your receiver.", examples=[ADDRESS_EXAMPLE]
    )
    events: Annotated[list[WebhookType], read_types(OF_JOBS)] = Field(
        default=[], description="Which ends to tell of. Default: all."
    )
