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
_MOST_USERS: Final = 20_000


@dataclass(slots=True)
class _Purse:
    """What this process knows of one user. Times are of the monotonic clock."""

    rate: float | None
    looked_at: float
    tokens: int = 0
    left: int = 0
    taken_at: float = 0.0
    shut_until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class RequestRates:
    """Admits requests, or says when the next one may come.

    A process takes up to a second's worth at a time and forgets what it did not use within two, so
    a flood costs the database one statement a second and user, and is refused from memory.
    """

    def __init__(self, limits: LimitStore) -> None:
        self._limits = limits
        self._purses: OrderedDict[UUID, _Purse] = OrderedDict()

    async def admit(self, user: UUID) -> Mapping[str, str]:
        """The headers that say what is left; none without a limit. Raises Problem."""
        now = time.monotonic()
        purse = await self._purse(user, now)
        rate = purse.rate
        if rate is None:
            return {}
        if purse.tokens and now - purse.taken_at > _KEPT_SECONDS:
            purse.tokens = 0
        if not purse.tokens and now >= purse.shut_until:
            # One of a flood asks the database; the others go by what it was told.
            async with purse.asking:
                now = time.monotonic()
                if not purse.tokens and now >= purse.shut_until:
                    await self._refill(user, purse, rate, now)
        if not purse.tokens:
            wait = max(purse.shut_until - now, 0.0)
            raise Problem(
                "too_many_requests",
                f"You may ask {rate:g} times a second; wait {math.ceil(wait)} s.",
                headers=_headers(rate, 0, wait),
                retry_after=max(1, math.ceil(wait)),
            )
        purse.tokens -= 1
        return _headers(rate, purse.tokens + purse.left, 1 / rate)

    async def _refill(self, user: UUID, purse: _Purse, rate: float, now: float) -> None:
        taken, purse.left, until_next = await self._limits.take_requests(
            user, max(1, math.ceil(rate)), rate, max(1.0, rate * BURST_SECONDS)
        )
        purse.tokens, purse.taken_at = taken, now
        purse.shut_until = 0.0 if taken else now + until_next

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


def _headers(rate: float, left: int, seconds: float) -> dict[str, str]:
    """As draft-ietf-httpapi-ratelimit-headers-10 has them."""
    burst = max(1, math.floor(rate * BURST_SECONDS))
    return {
        "RateLimit-Policy": f'"user";q={burst};w={math.ceil(BURST_SECONDS)}',
        "RateLimit": f'"user";r={left};t={math.ceil(seconds)}',
    }
