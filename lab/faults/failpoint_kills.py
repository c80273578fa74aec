"""SIGKILL at every failpoint on a worker's path, in turn, at the first to third passage."""

from typing import Final

from lab.quota import until_enough
from lab.rig import Rig

KIND: Final = "kill at a failpoint"
TRIALS: Final = 506
POINTS: Final = (
    "claim.sent",
    "claim.committed",
    "intent.before",
    "intent.committed",
    "request.sent",
    "reply.begun",
    "reply.read",
    "settle.sent",
    "settle.committed",
    "heartbeat.sent",
    "reap.sent",
)
_LANES = 3
_HEALTHY = 2
_OPEN_JOBS = 9
_LIFE_SECONDS = 5.0
_TRIAL_SECONDS = 2.0


async def run(rig: Rig, trials: int) -> int:
    """Returns how many workers died at their failpoint."""

    async def die(number: int) -> bool:
        point = POINTS[number % len(POINTS)]
        pid = await rig.forks.start(f"{point}:kill@{rig.random.randint(1, 3)}")
        at = await rig.forks.killed(pid, _LIFE_SECONDS)
        if at is None:
            await rig.kill(pid)
            return False
        rig.harmed(at, pid)
        rig.hits[point] += 1
        return True

    # One slot each, so that most of the work is left to those who die.
    async with rig.crew(_HEALTHY, concurrency=1), rig.load(_OPEN_JOBS):
        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [die] * _LANES)
