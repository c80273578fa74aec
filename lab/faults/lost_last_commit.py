"""The database forgets its last moments: an older copy of its data directory takes its place."""

import asyncio
import time
from typing import Final

from lab.quota import until_enough
from lab.rig import Rig
from lab.undo import Forgotten

KIND: Final = "lose the last commits"
TRIALS: Final = 31
_WORKERS = 3
_OPEN_JOBS = 8
_TRIAL_SECONDS = 10.0


async def run(rig: Rig, trials: int) -> int:
    """Returns how often commits were forgotten."""

    async def forget(_: int) -> bool:
        await asyncio.sleep(rig.random.uniform(0.3, 0.8))
        await asyncio.to_thread(rig.cluster.stop_at_once)
        await asyncio.to_thread(rig.cluster.keep_copy)
        lines, calls = len(rig.said()), len(await asyncio.to_thread(rig.stand_in.calls))
        await asyncio.to_thread(rig.cluster.start)
        await asyncio.sleep(rig.random.uniform(0.4, 1.2))
        await asyncio.to_thread(rig.cluster.stop_at_once)
        await asyncio.to_thread(rig.cluster.restore_copy)
        between = Forgotten(
            range(lines, len(rig.said())),
            range(calls, len(await asyncio.to_thread(rig.stand_in.calls))),
        )
        await asyncio.to_thread(rig.cluster.start)
        rig.harmed(time.monotonic())
        rig.forgotten.append(between)
        return bool(between.lines) and bool(between.calls)

    # The client's users are registered with its first job; they must not be forgotten.
    await rig.enqueue()
    async with rig.crew(_WORKERS), rig.load(_OPEN_JOBS):
        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [forget])
