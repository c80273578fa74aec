"""How often one user may ask: counted in the database, taken from there by the second's worth."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from prompt_queue.api.problems import Problem
from prompt_queue.store.limit_store import LimitStore

BURST_SECONDS: Final = 10.0
"""So many seconds' worth of requests may come at once."""

_LOOK_SECONDS: Final = 5.0
_KEPT_SECONDS: Final = 2.0
_SPREAD_SECONDS: Final = 0.25
_MOST_USERS: Final = 20_000


@dataclass(slots=True)
class _Purse:
    """What this process knows of one user. Times are of the monotonic clock."""

    rate: float | None
    looked_at: float
    tokens: int = 0
    left: int = 0
    taken_at: float = 0.0
    next_at: float = 0.0
    shut_until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def has_one_at_most(self, now: float) -> bool:
        """Whether whoever asks the database now takes all that can be there."""
        return not self.left and (self.rate or 0.0) * (now - self.next_at) < 1


class AskedTooOften(Problem):
    """The bucket of a user is empty until a moment of the monotonic clock."""

    def __init__(self, rate: float, until: float, now: float) -> None:
        wait = max(until - now, 0.0)
        super().__init__(
            "too_many_requests",
            f"You may ask {rate:g} times a second; wait {math.ceil(wait)} s.",
            headers=_headers(rate, 0, wait),
            retry_after=max(1, math.ceil(wait)),
        )
        self.rate = rate
        self.until = until

    def at(self, now: float) -> "AskedTooOften":
        """As it is to be said later."""
        return AskedTooOften(self.rate, self.until, now)


class RequestRates:
    """Admits requests, or says when the next one may come.

    A process takes up to a second's worth at a time and forgets what it did not use within two. A
    flood costs the database one statement for each request that it lets in, the others are refused
    from memory.
    """

    def __init__(self, limits: LimitStore) -> None:
        self._limits = limits
        self._purses: OrderedDict[UUID, _Purse] = OrderedDict()

    async def admit(self, user: UUID) -> Mapping[str, str]:
        """The headers that say what is left; none without a limit. Raises AskedTooOften."""
        now = time.monotonic()
        purse = await self._purse(user, now)
        rate = purse.rate
        if rate is None:
            return {}
        if purse.tokens and now - purse.taken_at > _KEPT_SECONDS:
            purse.tokens = 0
        if not purse.tokens and now >= purse.shut_until:
            if purse.asking.locked() and purse.has_one_at_most(now):
                raise AskedTooOften(rate, now + 1 / rate, now)
            # One of a flood asks the database; the others go by what it was told.
            async with purse.asking:
                now = time.monotonic()
                if not purse.tokens and now >= purse.shut_until:
                    await self._refill(user, purse, rate, now)
        if not purse.tokens:
            raise AskedTooOften(rate, purse.shut_until, now)
        purse.tokens -= 1
        return _headers(rate, purse.tokens + purse.left, 1 / rate)

    async def _refill(self, user: UUID, purse: _Purse, rate: float, now: float) -> None:
        taken, purse.left, until_next = await self._limits.take_requests(
            user, max(1, math.ceil(rate)), rate, max(1.0, rate * BURST_SECONDS)
        )
        purse.tokens, purse.taken_at = taken, now
        purse.next_at = now + until_next
        pause = 0.0 if purse.left else min(1 / rate, _SPREAD_SECONDS) * _phase(user)
        purse.shut_until = purse.next_at + pause

    async def _purse(self, user: UUID, now: float) -> _Purse:
        purse = self._purses.get(user)
        if purse is None or now - purse.looked_at > _LOOK_SECONDS:
            if purse is not None:
                purse.looked_at = now
            rate = (await self._limits.of(user)).requests_a_second
            # Others of the same user may have come first meanwhile.
            purse = self._purses.get(user, purse)
            if purse is None or purse.rate != rate:
                purse = _Purse(rate, now)
            purse.looked_at = now
            self._purses[user] = purse
        self._purses.move_to_end(user)
        while len(self._purses) > _MOST_USERS:
            self._purses.popitem(last=False)
        return purse


def _phase(user: UUID) -> float:
    """Users whose buckets ran dry together do not come back together: each has a share of 1."""
    return user.int % 997 / 997


def _headers(rate: float, left: int, seconds: float) -> dict[str, str]:
    """As draft-ietf-httpapi-ratelimit-headers-10 has them."""
    burst = max(1, math.floor(rate * BURST_SECONDS))
    return {
        "RateLimit-Policy": f'"user";q={burst};w={math.ceil(BURST_SECONDS)}',
        "RateLimit": f'"user";r={left};t={math.ceil(seconds)}',
    }
