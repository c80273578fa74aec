"""`python -m lab`: runs the campaigns, prints a line for each and writes the report."""

import argparse
import asyncio
import logging
import sys
from collections import Counter
from pathlib import Path

from lab import report
from lab.campaign import FAULTS, Result, run_campaign
from prompt_queue.telemetry import configure_logging


def main() -> int:
    """Returns 1 where something was violated."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=(__doc__ or "").strip())
    parser.add_argument("--trials", type=float, default=1.0, help="factor on every kind's trials")
    parser.add_argument("--only", default="", help="kinds whose name contains this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=Path("lab/report.md"))
    options = parser.parse_args()
    configure_logging("error", "console")
    # Crashes are what happens here all the time; the findings tell what matters.
    logging.disable()
    command = " ".join(["python -m lab", *sys.argv[1:]])
    chosen = [fault for fault in FAULTS if options.only in fault.KIND]
    results: list[Result] = []
    for number, fault in enumerate(chosen):
        result = asyncio.run(run_campaign(fault, options.seed + number, options.trials))
        results.append(result)
        violations = result.findings.violations
        print(
            f"{result.kind}: {result.trials} of {result.wanted} faults hit, {result.jobs} jobs, "
            f"{result.seconds:.0f} s, {len(violations)} violations",
            flush=True,
        )
        for violation, times in Counter(violations).items():
            print(f"  {times} x {violation}", flush=True)
        # Written again after each kind, so that a run that is cut short has a report.
        report.write(options.report, results, command, options.seed)
    return 1 if any(result.findings.violations for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
