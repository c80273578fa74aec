"""The line between workers and PostgreSQL is cut mid-message, silent, late, or drips."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from lab.links import bitten
from lab.proxy.postgres import postgres_proxy
from lab.proxy.tcp import Blackhole, Cut, Delay, Drip, Mode
from lab.quota import Trial, until_enough
from lab.rig import LEASE_SECONDS, Rig

KIND: Final = "spoil the line to PostgreSQL"
TRIALS: Final = 132
_LANES = 4
_OPEN_JOBS = 12
_TRIAL_SECONDS = 8.0
_NAMES = ("cut", "silent", "late", "dripping")


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
    async with postgres_proxy(rig.cluster.dsn) as proxy:

        async def spoil(number: int) -> bool:
            name = _NAMES[number % len(_NAMES)]
            up, down, seconds = _plan(name, rig.random)
            proxy.switch(up=up, down=down)
            hit = await bitten(proxy)
            await asyncio.sleep(seconds if hit else 0)
            proxy.heal()
            rig.hits[name] += hit
            return hit

        async with rig.crew(1, database_url=proxy.dsn):
            yield spoil


def _plan(name: str, dice: random.Random) -> tuple[Mode | None, Mode | None, float]:
    """What becomes of each direction, and for how many seconds after it began to matter."""
    match name:
        case "cut":
            # Claims, intents and settles are some hundred bytes each way.
            cut = Cut(after=dice.randrange(1, 400))
            return (cut, None, 0.0) if dice.random() < 0.5 else (None, cut, 0.0)
        case "silent":
            hole, seconds = Blackhole(), LEASE_SECONDS * dice.uniform(1.5, 2.5)
            return dice.choice(
                ((hole, hole, seconds), (hole, None, seconds), (None, hole, seconds))
            )
        case "late":
            late = Delay(dice.uniform(0.05, 0.3))
            return late, late, LEASE_SECONDS
        case _:
            drip = Drip(dice.randrange(500, 4000))
            return drip, drip, LEASE_SECONDS
