"""`python -m benchmarks.calls [--calls 1000] [--latency 2] [--rounds 3]`.

One process makes all calls at once, over TLS, to a server that holds each answer for `--latency`
seconds; the openai SDK beside it, in the same run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.calls.serving import serving

SIDES = ("ours", "openai")
GOALS = {"open_cpu_ms": 2.0, "peak_mb": 200.0, "open_wall_s": 1.3}


def run(calls: int, latency: float, rounds: int, out: Path) -> None:
    """Measure in turns, print, and write `calls.json` into the folder."""
    seen: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            with serving(latency) as (base, certificate):
                found = subprocess.run(
                    [sys.executable, "-m", "benchmarks.calls.client", side, base, str(calls)],
                    env=os.environ | {"SSL_CERT_FILE": str(certificate)},
                    check=True, capture_output=True, text=True,
                )  # fmt: skip
            seen[side].append(json.loads(found.stdout))
    table = Table("median of rounds", *SIDES, "goal", "")
    medians = {
        side: {name: statistics.median(one[name] for one in ones) for name in ones[0]}
        for side, ones in seen.items()
    }
    for name in medians["ours"]:
        goal = GOALS.get(name)
        bound = None if goal is None else goal * latency if name.endswith("wall_s") else goal
        met = "" if bound is None else "met" if medians["ours"][name] <= bound else "missed"
        values = (f"{medians[side][name]:.3g}" for side in SIDES)
        table.add_row(name, *values, "" if bound is None else f"≤ {bound:g}", met)
    Console(width=100).print(table)
    out.mkdir(parents=True, exist_ok=True)
    known = {"calls": calls, "latency": latency, "rounds": seen}
    (out / "calls.json").write_text(json.dumps(known) + "\n")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="A thousand calls in flight in one process.")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--latency", type=float, default=2.0, metavar="SECONDS")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), metavar="DIR")
    options = parser.parse_args()
    run(options.calls, options.latency, options.rounds, options.out)


if __name__ == "__main__":
    main()
