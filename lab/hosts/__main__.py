"""`python -m lab.hosts`: cuts and slows the links of hosts that are network namespaces."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from lab.checker import Findings, check
from lab.hosts.fleet import NETWORKS, OUTSIDE, create_cluster, fleet, lay_out
from lab.hosts.network import Network, alone
from lab.hosts.report import write
from lab.hosts.trials import LEASE_SECONDS, Effect, Trial, disturb, effect
from lab.rig import open_rig
from prompt_queue.telemetry import configure_logging

_ALONE = "--alone"


async def run(
    network: Network, trials: int, seed: int
) -> tuple[list[Trial], list[Effect], Findings]:
    """All trials in one world; the checker's findings are about all of them."""
    async with open_rig(
        seed,
        lambda: create_cluster(network),
        address=network.own_address(OUTSIDE),
        lease_seconds=LEASE_SECONDS,
    ) as rig:
        async with fleet(rig, network) as running:
            done = await disturb(rig, running, trials)
        await rig.drain()
        logs = await rig.logs()
    return done, [effect(trial, logs.leases) for trial in done], check(logs)


def main() -> int:
    """Returns 1 where something was lost or violated."""
    parser = argparse.ArgumentParser(prog="python -m lab.hosts", description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=Path("lab/hosts.md"))
    parser.add_argument(_ALONE, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.alone:
        return alone("lab.hosts", [*sys.argv[1:], _ALONE])
    configure_logging("error", "console")
    logging.disable()
    with Network(NETWORKS) as network:
        lay_out(network)
        done, effects, findings = asyncio.run(run(network, options.trials, options.seed))
    command = " ".join(argument for argument in sys.argv[1:] if argument != _ALONE)
    write(options.report, done, effects, findings, command)
    sys.stdout.write(options.report.read_text())
    return 1 if findings.violations else 0


if __name__ == "__main__":
    sys.exit(main())
