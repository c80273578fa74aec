"""Webhooks that we send: one short method per statement; secrets leave only where they are used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from prompt_queue.jobs.webhooks import WebhookClaim, WebhookOutcome
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a user is told of results; `secret` is for the one answer that shows it."""

    id: UUID
    user_id: UUID
    url: str
    events: tuple[str, ...]
    description: str | None
    state: str
    disabled_reason: str | None
    failing_since: datetime | None
    old_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """A secret that was just made; the old one signs too until then."""

    secret: str = field(repr=False)
    old_secret_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One call to a receiver."""

    number: int
    at: datetime
    status: int | None
    milliseconds: int
    answer: str | None
    error: str | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message to one receiver and its last tries; `url` where a single request asked for it."""

    id: UUID
    endpoint_id: UUID | None
    url: str | None
    type: str
    subject: UUID
    state: str
    tries: int
    created_at: datetime
    ended_at: datetime | None
    next_at: datetime | None
    last_tries: tuple[Try, ...] = ()
    last_status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a settle did; the loop reads `applied` and `status`."""

    job_id: UUID
    applied: bool
    status: str | None
    disabled_endpoint: UUID | None


class WebhookStore:
    """The outbox as the worker sees it, and endpoints as their owners do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, limit: int, worker: str, lease_seconds: float, *, lane_cap: int, after: str
    ) -> list[WebhookClaim]:
        """Lease messages that are due, see claim_webhook_messages()."""
        rows = await self._database.rows(
            "claim_webhooks", limit, worker, lease_seconds, lane_cap, after
        )
        return [_claim(row) for row in rows]

    async def settle(
        self, outcomes: Sequence[tuple[WebhookClaim, WebhookOutcome]]
    ) -> Sequence[Sent]:
        """Propose outcomes; SQL decides which of them still count."""
        rows = await self._database.rows(
            "settle_webhooks", [_outcome(claim, outcome) for claim, outcome in outcomes]
        )
        return [
            Sent(
                job_id=row["message_id"], applied=row["applied"], status=row["state"],
                disabled_endpoint=row["disabled_endpoint"],
            )
            for row in rows
        ]  # fmt: skip

    async def seconds_to_next(self) -> float | None:
        """Until the next message is due, below 0 where one is; None where none will be."""
        row = await self._database.row("next_webhook")
        return row["seconds"] if row else None

    async def create(
        self, user_id: UUID, url: str, events: Sequence[str], description: str | None
    ) -> Endpoint | None:
        """A new endpoint; None where the user has as many as may be."""
        row = await self._database.row("create_endpoint", user_id, url, list(events), description)
        return _endpoint(row) if row else None

    async def endpoints(self, user_id: UUID | None = None) -> list[Endpoint]:
        """The endpoints of a user, or all of them, oldest first."""
        return [_endpoint(row) for row in await self._database.rows("list_endpoints", user_id)]

    async def find(self, endpoint_id: UUID, user_id: UUID | None = None) -> Endpoint | None:
        """One endpoint; None where it is missing or somebody else's."""
        row = await self._database.row("find_endpoint", endpoint_id, user_id)
        return _endpoint(row) if row else None

    async def change(
        self, endpoint_id: UUID, changes: JsonObject, user_id: UUID | None = None
    ) -> Endpoint | None:
        """Change url, events, description or state; None as for `find`."""
        row = await self._database.row("change_endpoint", endpoint_id, changes, user_id)
        return _endpoint(row) if row else None

    async def delete(self, endpoint_id: UUID, user_id: UUID | None = None) -> bool:
        """Forget an endpoint and its deliveries; whether there was one."""
        return await self._database.row("delete_endpoint", endpoint_id, user_id) is not None

    async def rotate(self, endpoint_id: UUID | None, user_id: UUID | None) -> NewSecret | None:
        """A new secret of an endpoint, or, without one, of the user's single requests."""
        row = await self._database.row("rotate_webhook_secret", endpoint_id, user_id)
        return NewSecret(**dict(row)) if row else None

    async def secret_since(self, user_id: UUID) -> tuple[datetime, datetime | None] | None:
        """Since when there is a secret for single requests, and until when the old one signs."""
        row = await self._database.row("find_webhook_secret", user_id)
        return (row["created_at"], row["old_secret_until"]) if row else None

    async def test(self, endpoint_id: UUID, user_id: UUID | None = None) -> UUID | None:
        """Send a test; its message, or None where the endpoint is missing or disabled."""
        row = await self._database.row("test_endpoint", endpoint_id, user_id)
        return row["message_id"] if row else None

    async def deliveries(
        self, endpoint_id: UUID, limit: int, after: tuple[datetime, UUID] | None = None
    ) -> list[Delivery]:
        """The messages of an endpoint, newest first, each with its last 20 tries."""
        created_at, message_id = after or (None, None)
        rows = await self._database.rows(
            "deliveries_of_endpoint", endpoint_id, created_at, message_id, limit
        )
        tries = await self._tries([row["id"] for row in rows])
        return [Delivery(**dict(row), last_tries=tuple(tries.get(row["id"], ()))) for row in rows]

    async def deliveries_of(self, subjects: Sequence[UUID]) -> list[Delivery]:
        """The messages about jobs, in their order, without tries."""
        rows = await self._database.rows("deliveries_of_subjects", list(subjects))
        return [Delivery(**dict(row)) for row in rows]

    async def replay(self, message_id: UUID, user_id: UUID | None = None) -> str:
        """Send again: replayed, sending, disabled or not_found."""
        row = await self._database.row("replay_webhook", message_id, user_id)
        return str(row["answer"]) if row else "not_found"

    async def outcomes(self) -> Mapping[str, int]:
        """How many were delivered, exhausted and disabled since ever; how many are pending."""
        rows = await self._database.rows("webhook_outcomes")
        return {row["outcome"]: row["messages"] for row in rows}

    async def _tries(self, message_ids: Sequence[UUID]) -> dict[UUID, list[Try]]:
        found: dict[UUID, list[Try]] = {}
        for row in await self._database.rows("tries_of_deliveries", list(message_ids)):
            values: dict[str, Any] = dict(row)
            found.setdefault(values.pop("message_id"), []).append(Try(**values))
        return found


def _endpoint(row: asyncpg.Record) -> Endpoint:
    values = {name: row[name] for name in Endpoint.__slots__}
    return Endpoint(**values | {"events": tuple(row["events"])})


def _claim(row: asyncpg.Record) -> WebhookClaim:
    return WebhookClaim(
        job_id=row["id"],
        lease_token=row["lease_token"],
        endpoint_id=row["endpoint_id"],
        url=row["url"],
        type=row["type"],
        subject=row["subject"],
        data=row["payload"],
        created_at=row["created_at"],
        tries=row["tries"],
        first_try=row["first_try"],
        lane=row["lane"],
        secrets=tuple(secret for secret in (row["secret"], row["old_secret"]) if secret),
        sent_at=row["clock_seconds"],
        disabled=row["disabled"],
        trace_context=row["trace_context"],
    )


def _outcome(claim: WebhookClaim, outcome: WebhookOutcome) -> JsonObject:
    reply = outcome.reply
    return {
        "message_id": str(claim.job_id),
        "lease_token": str(claim.lease_token),
        "outcome": outcome.outcome,
        "delay_seconds": outcome.delay,
        "disable_after_days": outcome.disable_after_days,
        "status": reply.status if reply else None,
        "milliseconds": reply.milliseconds if reply else 0,
        "answer": reply.answer if reply else None,
        "error": reply.error if reply else None,
    }
