"""SIGKILL of a random one of eight workers every 100 to 400 milliseconds, under load."""

import asyncio
from typing import Final

from lab.rig import Rig

KIND: Final = "kill a random worker of 8"
TRIALS: Final = 60
_WORKERS = 8


async def run(rig: Rig, trials: int) -> int:
    """Returns how many workers were killed."""
    crew = [await rig.forks.start() for _ in range(_WORKERS)]
    for _ in range(trials):
        await rig.enqueue(8)
        await asyncio.sleep(rig.random.uniform(0.1, 0.4))
        victim = rig.random.randrange(_WORKERS)
        await rig.kill(crew[victim])
        crew[victim] = await rig.forks.start()
    await rig.forks.retire(crew)
    return trials
