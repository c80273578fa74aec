"""The line between workers and provider is cut, silent, late, or drips."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from lab.links import bitten
from lab.proxy.tcp import Blackhole, Cut, Delay, Drip, Mode, TcpProxy
from lab.quota import Trial, until_enough
from lab.rig import LEASE_SECONDS, Rig

KIND: Final = "spoil the line to the provider"
TRIALS: Final = 198
_LANES = 4
_OPEN_JOBS = 12
_TRIAL_SECONDS = 8.0
# Long enough for every call that is only late, short enough to see a silence end.
_ATTEMPT_SECONDS = 1.0
_NAMES = ("no request", "no answer", "half an answer", "silent", "late", "dripping")


async def run(rig: Rig, trials: int) -> int:
    """Returns how often a line was spoilt while something was said over it."""
    async with AsyncExitStack() as stack:
        lanes = [await stack.enter_async_context(_lane(rig)) for _ in range(_LANES)]
        await stack.enter_async_context(rig.crew(1))
        await stack.enter_async_context(rig.load(_OPEN_JOBS))
        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, lanes)


@asynccontextmanager
async def _lane(rig: Rig) -> AsyncIterator[Trial]:
    """A line of its own, with one worker behind it."""
    place = urlsplit(rig.stand_in.base_url)
    proxy = TcpProxy((place.hostname or "127.0.0.1", place.port or 80))

    async def spoil(number: int) -> bool:
        name = _NAMES[number % len(_NAMES)]
        up, down, seconds = _plan(name, rig.random)
        proxy.switch(up=up, down=down)
        hit = await bitten(proxy)
        await asyncio.sleep(seconds if hit else 0)
        proxy.heal()
        rig.hits[name] += hit
        return hit

    async with (
        proxy.listening(),
        rig.crew(
            1,
            xai_api_base=f"http://127.0.0.1:{proxy.port}{place.path}",
            attempt_timeout_seconds=_ATTEMPT_SECONDS,
        ),
    ):
        yield spoil


def _plan(name: str, dice: random.Random) -> tuple[Mode | None, Mode | None, float]:
    """What becomes of each direction, and for how many seconds after it began to matter."""
    match name:
        case "no request":
            return Cut(after=dice.choice((0, 0, 500))), None, 0.0
        case "no answer":
            return None, Cut(), 0.0
        case "half an answer":
            return None, Cut(after=dice.randrange(1, 900)), 0.0
        case "silent":
            hole = Blackhole()
            up, down = dice.choice(((hole, hole), (hole, None), (None, hole)))
            return up, down, LEASE_SECONDS * dice.uniform(1.2, 2)
        case "late":
            late = Delay(dice.uniform(0.05, 0.3))
            return late, late, LEASE_SECONDS / 2
        case _:
            # A request is some five thousand bytes.
            drip = Drip(dice.randrange(4000, 20000))
            return drip, drip, LEASE_SECONDS / 2
