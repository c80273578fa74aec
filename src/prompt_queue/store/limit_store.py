"""What one user may use: the limits, and what has been spent of them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from prompt_queue.store.database import Database

EVERYBODY: Final = UUID(int=0)
"""Stands for all users without limits of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLimits:
    """What one user may use; None: no limit. USD and pictures count by UTC days."""

    usd_a_day: Decimal | None = None
    pictures_a_day: int | None = None
    queued: int | None = None
    requests_a_second: float | None = None


class LimitStore:
    """Reads and sets limits; SQL enforces them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set(
        self,
        user: UUID,
        limits: UserLimits,
        *,
        by_hand: bool = False,
        actor: str = "settings",
        reason: str | None = None,
    ) -> bool:
        """Whether something changed; what an operator has set gives way to an operator alone."""
        return await self._change(user, limits, by_hand, actor, (False, reason))

    async def forget(self, user: UUID, actor: str, reason: str | None = None) -> bool:
        """From now on the user has the limits of everybody; whether there were others."""
        return await self._change(user, UserLimits(), True, actor, (True, reason))

    async def of(self, user: UUID) -> UserLimits:
        """The limits that hold for a user."""
        row = await self._database.row("user_limit", user)
        if row is None:
            return UserLimits()
        return UserLimits(
            usd_a_day=row["usd_a_day"],
            pictures_a_day=row["pictures_a_day"],
            queued=row["queued"],
            requests_a_second=row["requests_a_second"],
        )

    async def spent_today(self, user: UUID) -> Decimal:
        """USD that count against the budget of the user, with calls that are under way."""
        row = await self._database.row("user_spent", user)
        return Decimal(row["usd"]) if row else Decimal(0)

    async def take_requests(
        self, user: UUID, wanted: int, rate: float, burst: float
    ) -> tuple[int, int, float]:
        """Requests taken out of the user's bucket, those left, seconds until the next one.

        The bucket fills with `rate` a second up to `burst`, by the clock of the database.
        """
        row = await self._database.row("take_requests", user, wanted, rate, burst)
        assert row is not None  # noqa: S101 - the function always returns a row
        return row["taken"], max(row["remaining"], 0), row["next_seconds"]

    async def _change(
        self, user: UUID, to: UserLimits, by_hand: bool, actor: str, how: tuple[bool, str | None]
    ) -> bool:
        row = await self._database.row(
            "limit_users", user, to.usd_a_day, to.pictures_a_day, to.queued,
            to.requests_a_second, by_hand, actor, *how,
        )  # fmt: skip
        return bool(row and row[0])
