"""Builds the leg that brings results out, from plain values."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prompt_queue.delivery.webhooks import WebhookSender
from prompt_queue.guards.egress import guarded_session
from prompt_queue.jobs.webhooks import DeliveryPolicy
from prompt_queue.store.database import Database
from prompt_queue.store.webhook_store import WebhookStore
from prompt_queue.worker.delivery_station import DeliveryStation
from prompt_queue.worker.leases import HeldLeases
from prompt_queue.worker.loop import WorkLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTerms:
    """How webhooks are sent: how patiently, to whom besides the public, how many at once.

    `call_seconds` is the time limit of one call, after which a worker has `lease_seconds` to write
    down what came of it; `base_url` begins the links in messages.
    """

    policy: DeliveryPolicy
    trusted: frozenset[str]
    base_url: str
    call_seconds: float
    lease_seconds: float
    at_once: int
    poll_seconds: float
    drain_seconds: float


@asynccontextmanager
async def delivery_loop(
    database: Database, terms: DeliveryTerms, worker: str
) -> AsyncIterator[WorkLoop]:
    """A loop of its own, so that slow receivers take no slot from a job."""
    async with guarded_session(terms.trusted) as session:
        station = DeliveryStation(
            WebhookStore(database),
            WebhookSender(session, terms.call_seconds),
            terms.policy,
            worker=worker,
            base_url=terms.base_url,
            lease_seconds=terms.call_seconds + terms.lease_seconds,
        )
        yield WorkLoop(
            [station],
            HeldLeases(),
            slots=terms.at_once,
            claim_limit=terms.at_once,
            poll_seconds=terms.poll_seconds,
            drain_seconds=terms.drain_seconds,
            settled=None,
        )
