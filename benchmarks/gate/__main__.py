"""`python -m benchmarks.gate [--seconds 60] [--warm 30] [--only bucket]`.

Four processes, a backlog, and a provider that counts. Each line is measured after `--warm` seconds.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.gate.figures import Storm, Usage, storm, usage
from benchmarks.gate.picture import draw
from benchmarks.gate.ways import Way, sending
from prompt_queue.testing import PictureServer, StandIn

STORM_SECONDS = 10.0
AROUND_SECONDS = 15.0
LATENCY_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How it counts; `jitter` is the time, in seconds, that a call may take on its way."""

    name: str
    manner: str
    rps: float
    tpm: float | None = None
    jitter: float = 0.0
    least: float
    most_refused: float


PROVIDERS = (
    Provider(name="bucket, 30/s", manner="bucket", rps=30, least=0.98, most_refused=0),
    Provider(name="bucket, 150/s", manner="bucket", rps=150, least=0.98, most_refused=0),
    Provider(name="strict second, 30/s, 20 ms", manner="sliding", rps=30, jitter=0.02, least=0.9,
             most_refused=0.001),
    Provider(name="strict second, 150/s, 20 ms", manner="sliding", rps=150, jitter=0.02,
             least=0.95, most_refused=0.001),
    Provider(name="bucket, 1.8 M tokens/min", manner="bucket", rps=1000, tpm=1_800_000, least=0.98,
             most_refused=0),
)  # fmt: skip


def measure(
    way: Way, provider: Provider, seconds: float, warm: float, *, with_storm: bool
) -> tuple[Usage, Storm | None, list[dict[str, Any]], float]:
    """One way at one provider; also the log, and when its measured time began."""
    around = AROUND_SECONDS if with_storm else 0.0
    storm_takes = STORM_SECONDS if with_storm else 0.0
    with StandIn.start(latency_seconds=LATENCY_SECONDS) as stand_in, PictureServer() as pictures:
        stand_in.settings(
            limit={"manner": provider.manner, "rps": provider.rps, "tpm": provider.tpm,
                   "jitter": provider.jitter}
        )  # fmt: skip
        jobs = int(min(provider.rps, 200) * (seconds + warm + around + storm_takes) * 1.2) + 200
        with sending(way, stand_in, pictures, (provider.rps, provider.tpm), jobs):
            time.sleep(warm)
            began = time.monotonic()
            time.sleep(seconds)
            ended = time.monotonic()
            # What left within the time is answered a little later.
            time.sleep(LATENCY_SECONDS + 0.5)
            raging = calmed = 0.0
            if with_storm:
                stand_in.script({"fault": "rate_limit", "times": -1})
                raging = time.monotonic()
                time.sleep(STORM_SECONDS)
                stand_in.clear_faults()
                calmed = time.monotonic()
                time.sleep(AROUND_SECONDS)
            calls = stand_in.calls()
    used = usage(calls, began, ended, provider.rps, provider.tpm)
    weathered = storm(calls, raging, calmed, provider.rps, AROUND_SECONDS) if with_storm else None
    return used, weathered, calls, began


def run(seconds: float, warm: float, only: str, out: Path) -> None:
    """Measure, print, and write `gate.json` and `gate.png` into the folder."""
    table = Table("provider", "way", "used of what is allowed", "429s", "calls", "goal")
    results: list[dict[str, Any]] = []
    console = Console(width=120)
    for provider in PROVIDERS:
        if only not in provider.name:
            continue
        ways = [Way.GATE, Way.NONE, *([Way.EACH] if provider.tpm is None else [])]
        for way in ways:
            with_storm = way is Way.GATE and provider.name == "bucket, 30/s"
            used, weathered, calls, began = measure(
                way, provider, seconds, warm, with_storm=with_storm
            )
            met = used.of_allowed >= provider.least and used.refused <= provider.most_refused
            verdict = ("met" if met else "missed") if way is Way.GATE else ""
            table.add_row(
                provider.name, way, f"{used.of_allowed:.1%}", f"{used.refused:.2%}",
                str(used.calls), verdict,
            )  # fmt: skip
            results.append(
                {
                    "provider": asdict(provider), "way": way, "usage": asdict(used),
                    "storm": asdict(weathered) if weathered else None,
                    "per_second": per_second(calls, began, seconds),
                }
            )  # fmt: skip
            console.print(results[-1]["provider"]["name"], way, asdict(used), weathered or "")
    console.print(table)
    out.mkdir(parents=True, exist_ok=True)
    known = {"seconds": seconds, "warm": warm, "latency": LATENCY_SECONDS, "results": results}
    (out / "gate.json").write_text(json.dumps(known) + "\n")
    draw(out / "gate.png", results)


def per_second(calls: list[dict[str, Any]], began: float, seconds: float) -> list[tuple[int, int]]:
    """Answered and refused calls of each second of the measured time."""
    found = [[0, 0] for _ in range(int(seconds))]
    for call in calls:
        second = int(call["at_monotonic"] - began)
        if 0 <= second < len(found) and call["at_monotonic"] >= began:
            found[second][call["status"] == 429] += 1
    return [(answered, refused) for answered, refused in found]


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="All of the quota and none of the 429s.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--warm", type=float, default=30.0)
    parser.add_argument("--only", default="", help="providers whose name contains this")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), metavar="DIR")
    options = parser.parse_args()
    run(options.seconds, options.warm, options.only, options.out)


if __name__ == "__main__":
    main()
