"""One kind of fault from beginning to end: harm, drain, check."""

import time
from dataclasses import dataclass, field
from typing import Final, Protocol

from lab.checker import Findings, check
from lab.faults import (
    backend_terminations,
    clock_skew,
    cron_ticks,
    database_crashes,
    database_link,
    disk_full,
    failpoint_kills,
    freezes,
    lost_last_commit,
    lost_replies,
    model_outages,
    older_worker,
    pool_exhaustion,
    provider_link,
    random_kills,
    same_key,
    setup_kills,
    stalls,
    swallowed_commits,
)
from lab.rig import Rig, open_rig


class Fault(Protocol):
    """What a module of `lab.faults` offers."""

    KIND: str
    TRIALS: int

    async def run(self, rig: Rig, trials: int) -> int:
        """Do the trials; returns how many happened."""


FAULTS: Final[tuple[Fault, ...]] = (
    failpoint_kills,
    random_kills,
    freezes,
    stalls,
    database_crashes,
    backend_terminations,
    swallowed_commits,
    database_link,
    provider_link,
    lost_replies,
    model_outages,
    same_key,
    cron_ticks,
    setup_kills,
    clock_skew,
    older_worker,
    pool_exhaustion,
    disk_full,
    lost_last_commit,
)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one kind: `trials` of the `wanted` ones hit, and `hits` says where."""

    kind: str
    trials: int
    jobs: int
    calls: int
    seconds: float
    findings: Findings
    hits: dict[str, int] = field(default_factory=dict)
    wanted: int = 0


async def run_campaign(fault: Fault, seed: int, scale: float) -> Result:
    """A world of its own for this kind; nothing of it is left afterwards."""
    began = time.monotonic()
    wanted = max(1, round(fault.TRIALS * scale))
    async with open_rig(seed) as rig:
        trials = await fault.run(rig, wanted)
        await rig.drain()
        logs = await rig.logs()
        hits = dict(rig.hits)
    seconds = time.monotonic() - began
    jobs, calls = len(logs.jobs), len(logs.calls)
    return Result(fault.KIND, trials, jobs, calls, seconds, check(logs), hits, wanted)
