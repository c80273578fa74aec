"""`python -m lab.pictures`: lost replies, dying workers and forged webhooks around purchases."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from lab.pictures.judging import judge, report
from lab.pictures.plan import plan
from lab.pictures.run import play, world

_BOOKED = """
select coalesce(sum(c.cost_usd), 0)::float8 as usd
from public.provider_calls c where c.leg = 'picture'
"""


async def _run(submits: int, webhooks: int, seed: int, path: Path, command: str) -> int:
    def say(said: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"{said}\n")

    async with world() as here:
        played = await play(plan(submits, webhooks, seed), here, say)
        (row,) = await here.stack.sql(_BOOKED)
        found = judge(played, here.provider.calls(), row["usd"], here.forger.answers)
    path.write_text(report(played, found, here.forger.answers, command))
    sys.stdout.write(path.read_text())
    return 1 if found.violations else 0


def main() -> int:
    """Returns 1 where a picture was lost or bought twice."""
    parser = argparse.ArgumentParser(prog="python -m lab.pictures", description=__doc__)
    parser.add_argument("--submits", type=int, default=500)
    parser.add_argument("--webhooks", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=Path("lab/pictures.md"))
    options = parser.parse_args()
    # Told to stop, it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    command = " ".join(["python -m lab.pictures", *sys.argv[1:]])
    return asyncio.run(
        _run(options.submits, options.webhooks, options.seed, options.report, command)
    )


if __name__ == "__main__":
    sys.exit(main())
