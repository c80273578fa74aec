"""SIGSTOP for one and a half to three leases, then SIGCONT: a zombie wakes up and writes."""

import asyncio
import signal
from typing import Final

from lab.rig import LEASE_SECONDS, Rig

KIND: Final = "freeze past the lease"
TRIALS: Final = 36
_POINTS = ("intent.before", "intent.committed", "request.sent", "reply.read", "settle.sent")
# Only outcomes other than a paid prompt are refused without the lease: let there be some.
_OVERLOADED = {"fault": "status", "status": 503, "times": -1, "probability": 0.6}
_LANES = 6
_WAIT_SECONDS = 5.0
_AWAKE_SECONDS = 0.7


async def run(rig: Rig, trials: int) -> int:
    """Returns how many workers were frozen and woken again."""
    rounds = [f"{_POINTS[n % len(_POINTS)]}:stop@{rig.random.randint(1, 2)}" for n in range(trials)]
    rig.stand_in.script(_OVERLOADED)
    healthy = await rig.forks.start()
    frozen = 0

    async def lane() -> None:
        nonlocal frozen
        while rounds:
            armed = rounds.pop()
            await rig.enqueue(3)
            pid = await rig.forks.start(armed)
            at = await rig.forks.stopped(pid, _WAIT_SECONDS)
            if at is not None:
                frozen += 1
                rig.harmed(at, pid)
                await asyncio.sleep(LEASE_SECONDS * rig.random.uniform(1.5, 3))
                rig.forks.signal(pid, signal.SIGCONT)
                await asyncio.sleep(_AWAKE_SECONDS)
            await rig.kill(pid)

    await asyncio.gather(*(lane() for _ in range(_LANES)))
    await rig.forks.retire([healthy])
    return frozen
