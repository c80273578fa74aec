"""The leg that brings results out, with the three verbs of every station."""

import asyncio
import random
from collections.abc import Sequence
from uuid import uuid4

from prompt_queue.delivery.payload import body_of, headers_of
from prompt_queue.delivery.webhooks import WebhookSender
from prompt_queue.failpoints import under_way
from prompt_queue.jobs.outcome import Released
from prompt_queue.jobs.webhooks import (
    DeliveryPolicy,
    Reply,
    WebhookClaim,
    WebhookOutcome,
    decide_delivery,
)
from prompt_queue.store.webhook_store import Sent, WebhookStore
from prompt_queue.telemetry import Event, log
from prompt_queue.tracing.messages import WEBHOOKS, received, receiving
from prompt_queue.worker.grouped import Grouped
from prompt_queue.worker.patience import patiently

LANE_CAP = 4
"""How many messages one receiver is sent at once, by all workers."""

SOON_SECONDS = 60.0
"""A message that is due later than this is left to the janitor."""

QUIET_SECONDS = 0.2
"""Least time between two looks of which the first found nothing that may be sent."""

_EVENTS = {
    "delivered": (Event.WEBHOOK_DELIVERED, "info"),
    "retry": (Event.WEBHOOK_FAILED, "warning"),
    "exhausted": (Event.WEBHOOK_GIVEN_UP, "error"),
    "gone": (Event.WEBHOOK_GIVEN_UP, "warning"),
    "disabled": (Event.WEBHOOK_GIVEN_UP, "warning"),
}


class DeliveryStation:
    """Result to receiver. A lease is not renewed: it has to outlast a call and its settle."""

    def __init__(
        self,
        store: WebhookStore,
        sender: WebhookSender,
        policy: DeliveryPolicy,
        *,
        worker: str,
        base_url: str,
        lease_seconds: float,
    ) -> None:
        self._store = store
        self._sender = sender
        self._policy = policy
        self._worker = worker
        self._base_url = base_url
        self._lease_seconds = lease_seconds
        self._quiet_until = 0.0
        self._settles: Grouped[tuple[WebhookClaim, WebhookOutcome], Sent] = Grouped(self._write)

    async def claim(self, limit: int) -> Sequence[WebhookClaim]:
        """Take up to `limit` messages that are due, going round the receivers."""
        clock = asyncio.get_running_loop().time
        if clock() < self._quiet_until:
            return []
        with receiving(WEBHOOKS) as span:
            # Names of lanes begin with a UUID, so this is a fair place to begin at.
            claims = await self._store.claim(
                limit, self._worker, self._lease_seconds, lane_cap=LANE_CAP, after=str(uuid4())
            )
            received(span, claims)
        if not claims:
            self._quiet_until = clock() + QUIET_SECONDS
        return claims

    async def held_back(self) -> float | None:
        """Seconds until the next message is due, where that is soon, or until the next look."""
        seconds = await self._store.seconds_to_next()
        if seconds is None or seconds > SOON_SECONDS:
            return None
        return max(seconds, self._quiet_until - asyncio.get_running_loop().time(), 0.0)

    async def handle(self, claim: WebhookClaim) -> WebhookOutcome:
        """Send it once; whatever goes wrong becomes an outcome."""
        if claim.disabled:
            return WebhookOutcome(outcome="disabled")
        draw = random.random()  # noqa: S311 - jitter
        try:
            body = body_of(claim, self._base_url)
            headers = headers_of(claim, body)
            reply = await self._sender.send(claim.url, headers, body, claim.secrets)
        except Exception as error:  # noqa: BLE001 - a bug must not stop the others
            log(Event.JOB_CRASHED, level="error", message_id=str(claim.job_id), exc_info=error)
            reply = Reply(milliseconds=0, error="Something went wrong on our side.")
        return decide_delivery(claim, reply, self._policy, draw)

    async def settle(self, claim: WebhookClaim, outcome: WebhookOutcome | Released) -> Sent:
        """Write the outcome together with those of its neighbours."""
        if isinstance(outcome, Released):
            outcome = WebhookOutcome(outcome="released")
        sent = await self._settles.submit((claim, outcome))
        if sent.applied and outcome.outcome in _EVENTS:
            self._tell(claim, outcome)
        if sent.disabled_endpoint is not None:
            log(
                Event.WEBHOOK_ENDPOINT_DISABLED,
                level="warning",
                endpoint_id=str(sent.disabled_endpoint),
            )
        return sent

    def _tell(self, claim: WebhookClaim, outcome: WebhookOutcome) -> None:
        event, level = _EVENTS[outcome.outcome]
        reply = outcome.reply
        log(
            event,
            level=level,
            message_id=str(claim.job_id),
            type=claim.type,
            subject=str(claim.subject),
            tries=claim.tries + 1,
            status=reply.status if reply else None,
            reason=reply.error if reply else None,
        )

    async def _write(
        self, outcomes: Sequence[tuple[WebhookClaim, WebhookOutcome]]
    ) -> Sequence[Sent]:
        answers = await patiently(lambda: under_way("settle.sent", self._store.settle(outcomes)))
        settled = {answer.job_id: answer for answer in answers}
        return [settled[claim.job_id] for claim, _ in outcomes]
