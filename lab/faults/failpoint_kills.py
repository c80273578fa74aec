"""SIGKILL at every failpoint on a worker's path, in turn, at the first to third passage."""

import asyncio
from typing import Final

from lab.rig import Rig

KIND: Final = "kill at a failpoint"
TRIALS: Final = 110
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
_LANES = 4
_LIFE_SECONDS = 5.0


async def run(rig: Rig, trials: int) -> int:
    """Returns how many workers died at their failpoint."""
    rounds = [f"{POINTS[n % len(POINTS)]}:kill@{rig.random.randint(1, 3)}" for n in range(trials)]
    killed = 0

    async def lane() -> None:
        nonlocal killed
        while rounds:
            armed = rounds.pop()
            await rig.enqueue(3)
            pid = await rig.forks.start(armed)
            at = await rig.forks.ended(pid, _LIFE_SECONDS)
            if at is None:
                await rig.kill(pid)
                continue
            killed += 1
            rig.harmed(at, pid)

    await asyncio.gather(*(lane() for _ in range(_LANES)))
    return killed
