"""The provider generates, and charges, and its reply gets lost: reset, cut short, or never sent."""

import asyncio
import time
from typing import Final

from lab.rig import Rig

KIND: Final = "lose a provider's reply"
TRIALS: Final = 106
_WORKERS = 2
_OPEN_JOBS = 8
_LOOK_SECONDS = 0.2
_TRIAL_SECONDS = 2.0
_SCRIPT = (
    {"fault": "reset", "phase": "after", "times": -1, "probability": 0.2},
    {"fault": "truncate", "times": -1, "probability": 0.2},
    {"fault": "hang", "phase": "after", "times": -1, "probability": 0.05},
)


async def run(rig: Rig, trials: int) -> int:
    """Returns how many replies were lost."""
    rig.stand_in.script(*_SCRIPT)
    give_up = time.monotonic() + 60 + trials * _TRIAL_SECONDS
    async with rig.crew(_WORKERS), rig.load(_OPEN_JOBS):
        while True:
            script = await asyncio.to_thread(rig.stand_in.faults)
            lost = {fault["fault"]: fault["used"] for fault in script}
            if sum(lost.values()) >= trials or time.monotonic() > give_up:
                rig.hits.update(lost)
                return sum(lost.values())
            await asyncio.sleep(_LOOK_SECONDS)
