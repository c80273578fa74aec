"""The event loop of a worker blocks for a fifth of a lease to three leases while jobs are held."""

import asyncio
from typing import Final

from lab.rig import LEASE_SECONDS, Rig

KIND: Final = "stall the event loop"
TRIALS: Final = 36
_POINTS = ("claim.committed", "intent.committed", "request.sent", "reply.read", "settle.sent")
_LANES = 6
_AFTERWARDS_SECONDS = 1.5


async def run(rig: Rig, trials: int) -> int:
    """Returns how many workers were made to stall."""
    rounds = list(range(trials))
    healthy = await rig.forks.start()

    async def lane() -> None:
        while rounds:
            point = _POINTS[rounds.pop() % len(_POINTS)]
            seconds = LEASE_SECONDS * rig.random.uniform(0.2, 3)
            await rig.enqueue(3)
            pid = await rig.forks.start(f"{point}:stall:{seconds:.3f}@{rig.random.randint(1, 2)}")
            await asyncio.sleep(seconds + _AFTERWARDS_SECONDS)
            await rig.kill(pid)

    await asyncio.gather(*(lane() for _ in range(_LANES)))
    await rig.forks.retire([healthy])
    return trials
