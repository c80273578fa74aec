"""One kind of fault from beginning to end: harm, drain, check."""

import time
from dataclasses import dataclass
from typing import Protocol

from lab.checker import Findings, check
from lab.faults import failpoint_kills
from lab.rig import Rig, open_rig


class Fault(Protocol):
    """What a module of `lab.faults` offers."""

    KIND: str
    TRIALS: int

    async def run(self, rig: Rig, trials: int) -> int:
        """Do the trials; returns how many happened."""


FAULTS = (failpoint_kills,)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one kind."""

    kind: str
    trials: int
    jobs: int
    calls: int
    seconds: float
    findings: Findings


async def run_campaign(fault: Fault, seed: int, scale: float) -> Result:
    """A world of its own for this kind; nothing of it is left afterwards."""
    began = time.monotonic()
    async with open_rig(seed) as rig:
        trials = await fault.run(rig, max(1, round(fault.TRIALS * scale)))
        await rig.drain()
        logs = await rig.logs()
    seconds = time.monotonic() - began
    return Result(fault.KIND, trials, len(logs.jobs), len(logs.calls), seconds, check(logs))
