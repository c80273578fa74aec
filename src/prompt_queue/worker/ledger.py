"""The cost book as the generator sees it: an intent before each call, its ending after."""

import math
import time
from collections.abc import Sequence
from decimal import Decimal
from http import HTTPStatus
from uuid import UUID

from prompt_queue.failpoints import reached
from prompt_queue.jobs.errors import (
    BreakerOpen,
    LeaseLost,
    ModelPaused,
    OutcomeUnknown,
    RateLimited,
    RetryBudget,
    UserBudget,
)
from prompt_queue.jobs.ids import new_id
from prompt_queue.jobs.job import Held
from prompt_queue.jobs.outcome import CallEnd, Intent
from prompt_queue.jobs.pictures import SeenPicture
from prompt_queue.store.prompt_store import JsonObject, PromptStore, Ruling
from prompt_queue.store.rows import seen_as_json
from prompt_queue.worker.grouped import Grouped
from prompt_queue.worker.patience import patiently

PAUSED_SECONDS = 5.0
"""How long a job waits that was claimed just before all its models were paused."""

BY_HAND_SECONDS = 30.0
"""How long a job waits for a model that somebody took out of service, before it looks again."""

BUDGET_SECONDS = 4.0
"""How long a job waits for its retry where those of the model are used up."""


GATE_SECONDS = 0.5
"""Least time that a job waits which the gate of its model had no room for."""


class StoreLedger:
    """Writes intents and endings in groups; `provider` is paid, `leg` says what for."""

    def __init__(
        self, store: PromptStore, worker: str, provider: str = "xai", leg: str = "prompt"
    ) -> None:
        self._store = store
        self._worker = worker
        self._provider = provider
        self._leg = leg
        self._intents: Grouped[JsonObject, Ruling] = Grouped(self._begin)
        self._ends: Grouped[CallEnd, None] = Grouped(self._end)
        self._granted: dict[UUID, tuple[str, float]] = {}
        self._refused_at: dict[str, float] = {}

    async def intend(
        self,
        claim: Held,
        model: str,
        pictures: Sequence[SeenPicture] = (),
        tokens: int | None = None,
        usd: Decimal | None = None,
    ) -> Intent:
        """Commit the intent of one paid call; only then may a byte leave.

        `tokens` and `usd` are what the call is expected to use and cost. Waits while the database
        is away. Raises LeaseLost, ModelPaused, BreakerOpen, RetryBudget, UserBudget,
        OutcomeUnknown, RateLimited.
        """
        call_id = new_id()
        reached("intent.before")
        ruling = await self._intents.submit(
            {
                "call_id": str(call_id),
                "job_id": str(claim.job_id),
                "lease_token": str(claim.lease_token),
                "model": model,
                "provider": self._provider,
                "leg": self._leg,
                "worker": self._worker,
                "retry_count": claim.retry_count,
                "pictures": [seen_as_json(picture) for picture in pictures],
                "priority": claim.priority,
                "tokens": tokens,
                "usd": None if usd is None else str(usd),
            }
        )
        match ruling.verdict:
            case "granted":
                reached("intent.committed")
                self._granted[call_id] = (model, time.monotonic())
                return Intent(call_id, ruling.outage_seconds, ruling.send_in or 0.0)
            case "lease_lost":
                raise LeaseLost
            case "model_paused":
                raise ModelPaused(retry_after=PAUSED_SECONDS)
            case "breaker_open":
                wait = BY_HAND_SECONDS if ruling.wait_seconds is None else ruling.wait_seconds
                raise BreakerOpen(
                    retry_after=max(wait, 1.0), outage_seconds=ruling.outage_seconds or 0.0
                )
            case "retry_budget":
                raise RetryBudget(retry_after=BUDGET_SECONDS)
            case "user_budget":
                raise UserBudget(retry_after=ruling.day_left_seconds or BY_HAND_SECONDS)
            case "rate_limited":
                raise RateLimited(retry_after=max(ruling.gate_seconds or 0.0, GATE_SECONDS))
            case "outcome_unknown":
                raise OutcomeUnknown
        # A newer database may know verdicts that this worker does not: no call without a grant.
        raise ModelPaused(retry_after=PAUSED_SECONDS)

    async def record(self, end: CallEnd) -> None:
        """Write how a call ended."""
        model, _ = self._granted.pop(end.call_id, ("", 0.0))
        if end.http_status == HTTPStatus.TOO_MANY_REQUESTS and model:
            self._refused_at[model] = time.monotonic()
        await self._ends.submit(end)

    def refused_since(self, intent: Intent, model: str) -> bool:
        """See `generation.ledger.Ledger`; only what this worker has heard itself."""
        _, granted_at = self._granted.get(intent.call_id, ("", math.inf))
        return self._refused_at.get(model, -math.inf) > granted_at

    async def _begin(self, calls: Sequence[JsonObject]) -> Sequence[Ruling]:
        rulings = await patiently(lambda: self._store.begin_calls(calls))
        return [rulings[UUID(call["call_id"])] for call in calls]

    async def _end(self, ends: Sequence[CallEnd]) -> Sequence[None]:
        await patiently(lambda: self._store.end_calls(ends))
        return [None] * len(ends)
