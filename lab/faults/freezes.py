"""SIGSTOP for one and a half to three leases, then SIGCONT: a zombie wakes up and writes."""

import asyncio
import signal
from typing import Final

from lab.quota import until_enough
from lab.rig import LEASE_SECONDS, Rig

KIND: Final = "freeze past the lease"
TRIALS: Final = 206
_POINTS = ("intent.before", "intent.committed", "request.sent", "reply.read", "settle.sent")
# Only outcomes other than a paid prompt are refused without the lease: let there be some, but not
# so many that the breakers open and nobody works.
_OVERLOADED = {"fault": "status", "status": 503, "times": -1, "probability": 0.25}
_LANES = 6
_HEALTHY = 2
_OPEN_JOBS = 9
_WAIT_SECONDS = 5.0
_AWAKE_SECONDS = 0.7
_TRIAL_SECONDS = 2.0


async def run(rig: Rig, trials: int) -> int:
    """Returns how many workers were frozen and woken again."""
    rig.stand_in.script(_OVERLOADED)

    async def freeze(number: int) -> bool:
        point = _POINTS[number % len(_POINTS)]
        pid = await rig.forks.start(f"{point}:stop@{rig.random.randint(1, 2)}")
        at = await rig.forks.stopped(pid, _WAIT_SECONDS)
        if at is not None:
            rig.harmed(at, pid)
            rig.hits[point] += 1
            await asyncio.sleep(LEASE_SECONDS * rig.random.uniform(1.5, 3))
            rig.forks.signal(pid, signal.SIGCONT)
            await asyncio.sleep(_AWAKE_SECONDS)
        await rig.kill(pid)
        return at is not None

    async with rig.crew(_HEALTHY), rig.load(_OPEN_JOBS):
        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [freeze] * _LANES)
