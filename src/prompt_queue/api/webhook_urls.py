"""Whether results may be sent to an address, before it is accepted."""

from prompt_queue.api.bodies import pointer
from prompt_queue.api.parts import Parts
from prompt_queue.api.problems import Problem
from prompt_queue.api.webhook_wishes import WebhookWish
from prompt_queue.guards.urls import UrlRefused, parse_webhook_url
from prompt_queue.jobs.webhooks import Wish


def usable_url(parts: Parts, url: str, *place: str) -> str:
    """The address in its one spelling. Raises Problem that points to `place` in the body."""
    try:
        return parse_webhook_url(url, trusted=parts.trusted_webhook_hosts).text
    except UrlRefused as error:
        name = " ".join(place)
        errors = [{"pointer": pointer(place), "detail": str(error)}]
        raise Problem("invalid_request", f"{name}: {error}", errors=errors) from None


def wish_of(parts: Parts, wanted: WebhookWish | None) -> Wish | None:
    """Whom a request wants to be told. Raises Problem."""
    if wanted is None:
        return None
    return Wish(usable_url(parts, wanted.url, "webhook", "url"), tuple(wanted.events))
