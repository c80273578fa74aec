"""Fifty requests with one idempotency key at once: one job, the same answer to all."""

import asyncio
from typing import Final

from lab.rig import Rig

KIND: Final = "post one key 50 times at once"
TRIALS: Final = 40
_AT_ONCE = 50


async def run(rig: Rig, trials: int) -> int:
    """Returns how many keys were fought over."""
    for number in range(trials):
        key = f"same-{number}"
        await asyncio.gather(*(rig.enqueue(key=key) for _ in range(_AT_ONCE)))
    return trials
