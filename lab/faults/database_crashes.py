"""PostgreSQL stopped as by a power cut, or its postmaster killed, under load; started again."""

import asyncio
import time
from typing import Final

from lab.rig import Rig

KIND: Final = "crash PostgreSQL"
TRIALS: Final = 16
_WORKERS = 3


async def run(rig: Rig, trials: int) -> int:
    """Returns how often the database crashed."""
    crew = [await rig.forks.start() for _ in range(_WORKERS)]
    load = asyncio.create_task(_keep_enqueuing(rig))
    try:
        for number in range(trials):
            await asyncio.sleep(rig.random.uniform(0.5, 1.2))
            rig.harmed(time.monotonic())
            crash = rig.cluster.kill_postmaster if number % 2 else rig.cluster.stop_at_once
            await asyncio.to_thread(crash)
            await asyncio.to_thread(rig.cluster.start)
    finally:
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
    await rig.forks.retire(crew)
    return trials


async def _keep_enqueuing(rig: Rig) -> None:
    while True:
        await rig.enqueue()
        await asyncio.sleep(0.1)
