"""SIGKILL of a random one of eight workers every 100 to 400 milliseconds, under load."""

import asyncio
from typing import Final

from lab.quota import until_enough
from lab.rig import Rig

KIND: Final = "kill a random worker of 8"
TRIALS: Final = 306
_WORKERS = 8
_OPEN_JOBS = 16
_TRIAL_SECONDS = 2.0


async def run(rig: Rig, trials: int) -> int:
    """Returns how many workers were killed."""

    async def strike(_: int) -> bool:
        await asyncio.sleep(rig.random.uniform(0.1, 0.4))
        victim = rig.random.randrange(_WORKERS)
        killed = await rig.kill(crew[victim])
        crew[victim] = await rig.forks.start()
        return killed

    async with rig.crew(_WORKERS) as crew, rig.load(_OPEN_JOBS):
        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [strike])
