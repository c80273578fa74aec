"""The provider generates, and charges, and its reply gets lost: reset, cut short, or never sent."""

import asyncio
from typing import Final

from lab.rig import Rig

KIND: Final = "lose a provider's reply"
TRIALS: Final = 60
_WORKERS = 2
_SCRIPT = (
    {"fault": "reset", "phase": "after", "times": -1, "probability": 0.2},
    {"fault": "truncate", "times": -1, "probability": 0.2},
    {"fault": "hang", "phase": "after", "times": -1, "probability": 0.05},
)


async def run(rig: Rig, trials: int) -> int:
    """Returns how many replies were lost."""
    rig.stand_in.script(*_SCRIPT)
    crew = [await rig.forks.start() for _ in range(_WORKERS)]
    lost = 0
    for _ in range(trials):
        await rig.enqueue(2)
        await asyncio.sleep(0.15)
        lost = sum(fault["used"] for fault in await asyncio.to_thread(rig.stand_in.faults))
        if lost >= trials:
            break
    await asyncio.sleep(1)
    lost = sum(fault["used"] for fault in await asyncio.to_thread(rig.stand_in.faults))
    await rig.forks.retire(crew)
    return lost
