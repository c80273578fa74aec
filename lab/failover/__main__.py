"""`python -m lab.failover`: kills the primary under load and promotes its synchronous standby."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from lab.checker import Findings, check
from lab.failover.pair import Pair
from lab.failover.report import write
from lab.failover.trials import Times, Trial, fail_over, times
from lab.logs import FINAL
from lab.rig import open_rig
from prompt_queue.telemetry import configure_logging

LEASE_SECONDS = 5.0


async def run(trials: int, seed: int) -> tuple[list[Trial], list[Times], Findings]:
    """All trials in one world; the checker's findings are about all of them."""
    pairs: list[Pair] = []

    def create() -> Pair:
        pairs.append(Pair.create())
        return pairs[0]

    async with open_rig(seed, create, lease_seconds=LEASE_SECONDS) as rig:
        done = await fail_over(rig, pairs[0], trials)
        await rig.drain()
        logs = await rig.logs()
    ends = sorted(row.at for row in logs.rows if row.new_status in FINAL)
    return done, [times(trial, ends) for trial in done], check(logs)


def main() -> int:
    """Returns 1 where something was lost or violated."""
    parser = argparse.ArgumentParser(prog="python -m lab.failover", description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=Path("lab/failover.md"))
    options = parser.parse_args()
    configure_logging("error", "console")
    logging.disable()
    done, measured, findings = asyncio.run(run(options.trials, options.seed))
    write(options.report, done, measured, findings, " ".join(sys.argv[1:]))
    sys.stdout.write(options.report.read_text())
    return 1 if findings.violations else 0


if __name__ == "__main__":
    sys.exit(main())
