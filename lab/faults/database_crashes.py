"""PostgreSQL stopped as by a power cut, or its postmaster killed, under load; started again."""

import asyncio
import time
from typing import Final

from lab.quota import until_enough
from lab.rig import Rig

KIND: Final = "crash PostgreSQL"
TRIALS: Final = 62
_WORKERS = 3
_OPEN_JOBS = 7
_SETTLED = "select count(*) from public.prompt_generation_jobs where completed_at is not null"
_LOOK_SECONDS = 0.1
_RECOVERY_SECONDS = 60.0
_TRIAL_SECONDS = 10.0


async def run(rig: Rig, trials: int) -> int:
    """Returns how often the database crashed."""

    async def crash(number: int) -> bool:
        await asyncio.sleep(rig.random.uniform(0.05, 0.6))
        settled = await rig.look(_SETTLED)
        kill = rig.cluster.kill_postmaster if number % 2 else rig.cluster.stop_at_once
        await asyncio.to_thread(kill)
        await asyncio.to_thread(rig.cluster.start)
        rig.harmed(time.monotonic())
        # Every third crash finds a crew that is still coming back from the one before.
        give_up = time.monotonic() + (_RECOVERY_SECONDS if number % 3 else 0)
        while time.monotonic() < give_up and await rig.look(_SETTLED) <= settled:
            await asyncio.sleep(_LOOK_SECONDS)
        return True

    async with rig.crew(_WORKERS), rig.load(_OPEN_JOBS):
        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [crash])
