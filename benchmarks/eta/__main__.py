"""`python -m benchmarks.eta`: how well waits are foretold, on the whole product.

Server, worker and database as `prompt-queue up` starts them, and the stand-in, whose latency and
limits change; about six minutes. The scale of time is that of tests; the load is not.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table
from tests.e2e.stack import Stack
from tests.photographs import plain

from benchmarks.eta.figures import Figures, Kept, figures
from benchmarks.eta.load import PHASES, SLOTS, Phase, arrivals
from benchmarks.eta.picture import draw
from prompt_queue.settings import DEMO_ROW_ID
from prompt_queue.testing import PictureServer, StandIn

DRAIN_SECONDS = 180.0
PROMISED = """
select p.job_id, extract(epoch from p.made_at)::float8 as made,
  extract(epoch from j.started_at)::float8 as began,
  extract(epoch from j.completed_at)::float8 as ended,
  p.start_p50, p.start_p90, p.done_p50, p.done_p90
from public.prompt_promises p join public.prompt_generation_jobs j on j.id = p.job_id
where j.status = 'completed'
"""


class Run:
    """Posts the jobs of a phase and remembers what it was told."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession, url: str) -> None:
        self._stack = stack
        self._session = session
        self._url = url
        self.told: dict[str, tuple[str, int]] = {}

    async def phase(self, phase: Phase, dice: random.Random) -> None:
        """In real time."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as posts:
            for at, priority in arrivals(phase, dice):
                await asyncio.sleep(max(began + at - time.monotonic(), 0))
                posts.create_task(self._post(phase.name, priority))
        await asyncio.sleep(max(began + phase.seconds - time.monotonic(), 0))

    async def _post(self, phase: str, priority: int) -> None:
        body = {"rowId": str(DEMO_ROW_ID), "targetUrl": self._url, "priority": priority}
        async with self._session.post(f"{self._stack.base}/api/prompt/queue", json=body) as reply:
            document: dict[str, Any] = await reply.json()
        self.told[document["promptJobId"]] = (phase, document["position"])

    async def drain(self) -> None:
        """Until everything has ended."""
        end = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < end:
            async with self._session.get(f"{self._stack.base}/api/prompt/queue") as reply:
                stats = await reply.json()
            if not stats["totalQueued"] + stats["totalProcessing"]:
                return
            await asyncio.sleep(1)
        raise RuntimeError(f"not drained: {stats}")


async def measure(phases: Sequence[Phase], seed: int) -> list[Kept]:
    """Play the phases, and put promises beside what came of them."""
    dice = random.Random(seed)
    with ExitStack() as ending:
        provider = ending.enter_context(StandIn.start(latency_seconds=phases[0].latency))
        pictures = ending.enter_context(PictureServer())
        environment = {
            "XAI_API_KEY": provider.api_key, "XAI_API_BASE": provider.base_url,
            "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": pictures.host_port,
            "PROMPT_QUEUE_CONCURRENCY": str(SLOTS), "PROMPT_QUEUE_CACHE_SECONDS": "0",
            "PROMPT_QUEUE_RATE_LIMITS": "grok-4.7=50/100000000", "PROMPT_QUEUE_RATE_TIER": "none",
            "PROMPT_QUEUE_MODELS": "grok-4.7",
        }  # fmt: skip
        stack = Stack(environment, workers=1)
        ending.callback(stack.close)
        stack.up()
        async with aiohttp.ClientSession() as session:
            run = Run(stack, session, pictures.add("t.png", plain("teal")))
            for phase in phases:
                provider.settings(
                    latency_seconds=phase.latency, latency_jitter_seconds=phase.jitter
                )
                if phase.faults:
                    provider.script(*phase.faults)
                await run.phase(phase, dice)
            await run.drain()
        rows = await stack.sql(PROMISED)
    kept = []
    for row in rows:
        values = dict(row)
        name, position = run.told[str(values.pop("job_id"))]
        kept.append(Kept(phase=name, position=position, **values))
    return kept


def table(lines: dict[str, Figures]) -> Table:
    """A line a phase, and one for all."""
    found = Table(
        "phase", "jobs", "p90 of start kept", "p90 of end kept", "error of the median",
        "of mean x rank / concurrency",
    )  # fmt: skip
    for name, one in lines.items():
        shares = (one.starts, one.ends, one.error, one.gradio)
        found.add_row(name, str(one.jobs), *(f"{share:.1%}" for share in shares))
    return found


def main() -> None:
    """Read the options, run, print and write."""
    parser = argparse.ArgumentParser(description="Promises about waits, put to the test.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), metavar="DIR")
    options = parser.parse_args()
    jobs = asyncio.run(measure(PHASES, options.seed))
    lines = {
        name: figures([job for job in jobs if job.phase == name], jobs)
        for name in dict.fromkeys(phase.name for phase in PHASES)
    }
    lines["all"] = figures(jobs, jobs)
    Console(width=120).print(table(lines))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "eta.json").write_text(
        json.dumps({name: asdict(one) for name, one in lines.items()}) + "\n"
    )
    draw(options.out / "eta.png", jobs)


if __name__ == "__main__":
    main()
