"""`python -m lab.webhooks`: thousands of webhooks to a receiver that fails, from dying workers."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from lab.webhooks.judging import judge, report
from lab.webhooks.run import EACH, play


def main() -> int:
    """Returns 1 where a message was lost, out of order, or went under two ids."""
    parser = argparse.ArgumentParser(prog="python -m lab.webhooks", description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--failing", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=900.0, help="seconds")
    parser.add_argument("--report", type=Path, default=Path("lab/webhooks.md"))
    options = parser.parse_args()
    # Told to stop, it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    command = " ".join(["python -m lab.webhooks", *sys.argv[1:]])
    played = asyncio.run(play(options.messages, options.failing, options.seed, options.limit))
    found = judge(played.subjects, EACH, played.receiver.calls)
    options.report.write_text(report(found, played, command))
    sys.stdout.write(options.report.read_text())
    return 1 if found.violations else 0


if __name__ == "__main__":
    sys.exit(main())
