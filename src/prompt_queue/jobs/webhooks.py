"""What a webhook of ours is, when a failed one is tried again, and when it is given up. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID


class WebhookType(StrEnum):
    """What a message tells."""

    PROMPT_COMPLETED = "prompt.completed"
    PROMPT_FAILED = "prompt.failed"
    PROMPT_CANCELLED = "prompt.cancelled"
    IMAGE_COMPLETED = "image.completed"
    IMAGE_FAILED = "image.failed"
    IMAGE_CANCELLED = "image.cancelled"
    ALERT_FIRING = "alert.firing"
    ALERT_RESOLVED = "alert.resolved"
    ENDPOINT_TEST = "endpoint.test"


OF_JOBS: Final = tuple(kind for kind in WebhookType if kind.startswith(("prompt.", "image.")))
"""Types that a single request can ask for."""

LONGEST_RETRY_AFTER: Final = 24 * 3600.0
"""Seconds that a receiver may put us off."""

_STEPS: Final = (1, 6, 24, 120, 720, 2160, 4320, 8640, 17280)
"""5 s, 30 s, 2 min, 10 min, 1 h, 3 h, 6 h, 12 h, 24 h, by the usual base of 5 s."""

_SLOW_DOWN: Final = (429, 503)
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom a request wants to be told of its end, and of which ends; none means all."""

    url: str
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookClaim:
    """A message that this worker holds; `job_id` is the message's own id, by which it is leased.

    `endpoint_id` is None where a request asked for it. `sent_at` is in Unix seconds, by the
    database's clock. `trace_context` is the W3C traceparent of the request for what it tells of.
    """

    job_id: UUID
    lease_token: UUID
    endpoint_id: UUID | None
    url: str
    type: str
    subject: UUID
    data: Mapping[str, Any]
    created_at: datetime
    tries: int
    first_try: int
    lane: str
    secrets: tuple[str, ...]
    sent_at: int
    disabled: bool = False
    trace_context: str | None = None

    def __repr__(self) -> str:
        """Without secrets."""
        return f"WebhookClaim({self.job_id}, {self.type})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How one try went: what the receiver answered, or why there is no answer.

    `answer` is the beginning of the body; `retry_after` is in seconds.
    """

    milliseconds: int
    status: int | None = None
    answer: str | None = None
    error: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """How often and how patiently; `base` is in seconds, of the first delay."""

    base: float = 5.0
    tries: int = 12
    disable_after_days: float = 5.0

    def delay(self, tries: int, draw: float) -> float:
        """Seconds after so many failed tries; `draw`, in [0, 1), moves it by up to a fifth."""
        step = _STEPS[min(max(tries, 1), len(_STEPS)) - 1]
        return self.base * step * (0.8 + 0.4 * draw)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOutcome:
    """What became of a claimed message, in the words of settle_webhook_messages()."""

    outcome: str
    reply: Reply | None = None
    delay: float = 0.0
    disable_after_days: float = 5.0


def decide_delivery(
    claim: WebhookClaim, reply: Reply, policy: DeliveryPolicy, draw: float
) -> WebhookOutcome:
    """Delivered by any answer from 200 to 299; 410 ends it; everything else is tried again."""
    days = policy.disable_after_days
    if reply.status is not None and 200 <= reply.status < 300:
        return WebhookOutcome(outcome="delivered", reply=reply)
    if reply.status == _GONE:
        return WebhookOutcome(outcome="gone", reply=reply, disable_after_days=days)
    tries = claim.tries - claim.first_try + 1
    if tries >= policy.tries:
        return WebhookOutcome(outcome="exhausted", reply=reply, disable_after_days=days)
    delay = policy.delay(tries, draw)
    if reply.status in _SLOW_DOWN and reply.retry_after is not None:
        delay = max(delay, min(reply.retry_after, LONGEST_RETRY_AFTER))
    return WebhookOutcome(outcome="retry", reply=reply, delay=delay, disable_after_days=days)
