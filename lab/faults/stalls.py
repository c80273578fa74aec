"""The event loop of a worker blocks for a half to three leases while jobs are held."""

from typing import Final

from lab.quota import until_enough
from lab.rig import LEASE_SECONDS, Rig

KIND: Final = "stall the event loop"
TRIALS: Final = 106
_POINTS = ("claim.committed", "intent.committed", "request.sent", "reply.read", "settle.sent")
_LANES = 6
_HEALTHY = 2
_OPEN_JOBS = 9
_LONGEST = 3 * LEASE_SECONDS
_WAIT_SECONDS = 5.0
_AWAKE_SECONDS = 0.7
_TRIAL_SECONDS = 3.0


async def run(rig: Rig, trials: int) -> int:
    """Returns how many workers saw their own loop stand still for as long as they were told."""

    async def stall(number: int) -> bool:
        point = _POINTS[number % len(_POINTS)]
        seconds = rig.random.uniform(LEASE_SECONDS / 2, _LONGEST)
        pid = await rig.forks.start(f"{point}:stall:{seconds:.3f}@{rig.random.randint(1, 2)}")
        stall = await rig.forks.stalled(pid, _WAIT_SECONDS + seconds)
        # The loop is also late where the machine is busy.
        while stall is not None and stall.number < 0.9 * seconds:
            stall = await rig.forks.stalled(pid, _WAIT_SECONDS)
        if stall is not None:
            rig.hits[point] += 1
            if seconds > LEASE_SECONDS:
                rig.harmed(stall.at, pid)
            await rig.forks.ended(pid, _AWAKE_SECONDS)
        await rig.kill(pid)
        return stall is not None

    async with rig.crew(_HEALTHY), rig.load(_OPEN_JOBS):
        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [stall] * _LANES)
