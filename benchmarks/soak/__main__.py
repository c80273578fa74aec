"""`python -m benchmarks.soak [--jobs 1000000] [--hold 600] [--around 300] [--workers 2]`.

The jobs come evenly; for `--hold` seconds in the middle a transaction holds an old snapshot, with
`--around` seconds before it and after it.
"""

import argparse
import asyncio
import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks.queue.bench import bench
from benchmarks.queue.plan import Plan
from benchmarks.queue.report import facts, number, print_verdicts
from benchmarks.queue.server import server
from benchmarks.queue.sides import OURS
from benchmarks.soak.picture import draw
from benchmarks.soak.run import Soak
from benchmarks.soak.samples import Phase, claim_quantile, verdicts


async def run(jobs: int, around: float, hold: float, workers: int, out: Path) -> None:
    """Soak, print, and write `soak.json` and `soak.png` into the folder."""
    console = Console(width=100)
    async with server() as found, bench(found, Plan(), [OURS]) as measuring:
        soak = Soak(measuring.stands[0], around, hold)
        lost = await soak.run(jobs, workers)
        known = facts(await found.settings())
    for phase in Phase:
        figures = (number(claim_quantile(soak.samples, phase, share)) for share in (0.5, 0.99))
        console.print(f"claim p50 / p99, {phase}: {' / '.join(figures)} ms")
    judged = verdicts(soak.samples, lost)
    print_verdicts(console, judged)
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(
        {
            "measured_on": known,
            "jobs": jobs,
            "hold_seconds": hold,
            "around_seconds": around,
            "workers": workers,
            "goals": [verdict.as_json() for verdict in judged],
            "samples": [asdict(sample) for sample in soak.samples],
        }
    )
    (out / "soak.json").write_text(text + "\n")
    draw(out / "soak.png", soak.samples)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="A million jobs and an old snapshot.")
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--hold", type=float, default=600.0, metavar="SECONDS")
    parser.add_argument("--around", type=float, default=300.0, metavar="SECONDS")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), metavar="DIR")
    options = parser.parse_args()
    asyncio.run(run(options.jobs, options.around, options.hold, options.workers, options.out))


if __name__ == "__main__":
    main()
