"""`python -m benchmarks.queue [--quick] [--only drain,deep] [--sides prompt_queue,pgqueuer]`."""

import argparse
import asyncio
import time
from pathlib import Path

from rich.console import Console

from benchmarks.queue.bench import bench
from benchmarks.queue.goals import goals
from benchmarks.queue.picture import draw
from benchmarks.queue.plan import QUICK, Plan
from benchmarks.queue.report import facts, print_tables, write_results
from benchmarks.queue.results import judge
from benchmarks.queue.scenarios import SCENARIOS
from benchmarks.queue.server import server
from benchmarks.queue.sides import NAMES


async def run(plan: Plan, scenarios: list[str], names: list[str], out: Path) -> None:
    """Measure, print, and write `queue.json` and `queue.png` into the folder."""
    console = Console(width=140)
    async with server() as found, bench(found, plan, names) as measuring:
        for name in scenarios:
            began = time.monotonic()
            await SCENARIOS[name](measuring)
            console.print(f"{name}: {time.monotonic() - began:.0f} s")
        known = facts(await found.settings())
    verdicts = judge(measuring.book, goals(plan))
    print_tables(console, measuring.book, plan, verdicts)
    out.mkdir(parents=True, exist_ok=True)
    write_results(out / "queue.json", measuring.book, plan, verdicts, known)
    draw(out / "queue.png", measuring.book, plan)


def chosen(text: str, known: list[str]) -> list[str]:
    """The words between commas. Raises ArgumentTypeError for one that is not known."""
    words = text.split(",")
    if not set(words) <= set(known):
        raise argparse.ArgumentTypeError(f"choose from {','.join(known)}")
    return words


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="The queue against bare SQL and other queues.")
    parser.add_argument("--quick", action="store_true", help="small numbers, for a first look")
    parser.add_argument(
        "--only", type=lambda t: chosen(t, [*SCENARIOS]), default=[*SCENARIOS], metavar="WHAT"
    )
    parser.add_argument(
        "--sides", type=lambda t: chosen(t, [*NAMES]), default=[*NAMES], metavar="WHO"
    )
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), metavar="DIR")
    options = parser.parse_args()
    plan = QUICK if options.quick else Plan()
    asyncio.run(run(plan, options.only, options.sides, options.out))


if __name__ == "__main__":
    main()
