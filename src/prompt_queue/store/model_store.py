"""What is known of each model at the provider, and what was done about it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prompt_queue.jobs.limits import Limit
from prompt_queue.store.database import Database

BreakerState = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHealth:
    """A model's circuit breaker and what was learned of the model.

    `state` half_open: one call may find out whether the model works again. `open_seconds` is how
    long it has been open, `wait_seconds` how long until it is half open (None while open: until it
    is closed by hand). `retries_left` may be sent now. `listed`: whether the provider lists the
    model, looked up at `listed_at`; None: not yet. `redirected` counts answers of another model.
    `requests_per_second` and `tokens_per_minute` are its limits, `rate` the requests a second that
    the gate lets pass now (None: nothing was sent yet), `limited_seconds` how long a 429 keeps the
    gate shut.
    """

    model: str
    state: BreakerState
    by_hand: bool
    cause: str | None
    open_seconds: float | None
    wait_seconds: float | None
    retries_left: float
    listed: bool | None
    listed_at: datetime | None
    redirected: int
    requests_per_second: float | None = None
    tokens_per_minute: float | None = None
    rate: float | None = None
    limited_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAct:
    """What an operator, or the breaker itself, did; `about` where it was about no model."""

    at: datetime
    actor: str
    act: str
    model: str | None
    about: str | None
    reason: str | None


class ModelStore:
    """Reads and changes it; the same for all processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def models(self) -> list[ModelHealth]:
        """Every model that was asked or looked up, by name."""
        return [ModelHealth(**dict(row)) for row in await self._database.rows("model_health")]

    async def set_breaker(
        self, model: str, *, is_open: bool, seconds: float | None, reason: str | None, actor: str
    ) -> bool:
        """Open (for `seconds`, None: until closed) or close by hand; False where it was so."""
        row = await self._database.row("set_breaker", model, is_open, seconds, reason, actor)
        return bool(row and row["changed"])

    async def set_limit(
        self,
        model: str,
        limit: Limit | None,
        *,
        by_hand: bool = False,
        actor: str = "settings",
        reason: str | None = None,
    ) -> bool:
        """What the gate lets pass; None takes the limit away. False where nothing changed.

        What was set `by_hand` is not changed by the settings of a process.
        """
        row = await self._database.row(
            "set_limit",
            model,
            limit.requests_per_second if limit else None,
            limit.tokens_per_minute if limit else None,
            by_hand,
            actor,
            reason,
        )
        return bool(row and row["changed"])

    async def listed(self, models: Sequence[str], max_age_seconds: float) -> set[str] | None:
        """Those of `models` that the provider lists; None where one was not looked up lately."""
        rows = await self._database.rows("listed_models", list(models), max_age_seconds)
        found = {row["model"]: row["listed"] for row in rows}
        if set(found) != set(models):
            return None
        return {model for model, listed in found.items() if listed}

    async def note_listed(self, models: Sequence[str], listed: Collection[str]) -> None:
        """Note which of `models` are in the provider's list."""
        await self._database.rows("note_listed_models", list(models), list(listed))

    async def acts(self, limit: int) -> list[OperatorAct]:
        """What operators and breakers did, the latest first."""
        return [
            OperatorAct(**dict(row)) for row in await self._database.rows("operator_log", limit)
        ]
