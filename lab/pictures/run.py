"""Plays the trials on the whole product: server, workers that die, a provider that fails."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from tests.e2e.stack import Stack
from tests.photographs import plain

from lab.pictures.forging import Forger
from lab.pictures.plan import LEASE_SECONDS, Trial
from prompt_queue.settings import DEMO_ROW_ID
from prompt_queue.testing import PictureServer, WaveSpeedStandIn

AT_ONCE = 12
LATENCY_SECONDS = 0.6
FINAL_SECONDS = 240.0
START_SECONDS = 1.5
_OVER = {"succeeded", "failed", "cancelled"}


@dataclass
class Played:
    """What became of a trial."""

    trial: Trial
    job_id: str
    status: str = ""
    error_code: str | None = None
    resubmitted: bool = False


@dataclass(frozen=True)
class World:
    """What the trials share."""

    stack: Stack
    provider: WaveSpeedStandIn
    session: aiohttp.ClientSession
    url: str
    forger: Forger
    workers: list[subprocess.Popen[bytes]]


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Server, provider and pictures, ended whatever happens; two workers that do not die."""
    with ExitStack() as ending:
        provider = ending.enter_context(WaveSpeedStandIn.start(latency_seconds=LATENCY_SECONDS))
        pictures = ending.enter_context(PictureServer())
        environment = {
            "XAI_API_KEY": "none", "XAI_API_BASE": "http://127.0.0.1:9/v1",
            "WAVESPEED_API_KEY": provider.api_key, "WAVESPEED_API_BASE": provider.base_url,
            "PROMPT_QUEUE_PICTURE_STAND_IN": "true", "PROMPT_QUEUE_WAVESPEED_LEVEL": "none",
            "PROMPT_QUEUE_RECONCILE_SECONDS": "15",
            "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": pictures.host_port,
            "PROMPT_QUEUE_RETRY_BASE_DELAY_MS": "200",
            "PROMPT_QUEUE_LEASE_SECONDS": str(LEASE_SECONDS),
        }  # fmt: skip
        stack = Stack(environment, workers=0)
        ending.callback(stack.close)
        stack.up()
        async with aiohttp.ClientSession() as session:
            forger = Forger(session, stack, provider.settings()["webhookSecret"])
            found = World(
                stack, provider, session, pictures.add("t.png", plain("teal")), forger,
                [stack.work(), stack.work()],
            )  # fmt: skip
            yield found


async def play(trials: Sequence[Trial], here: World, say: Callable[[str], None]) -> list[Played]:
    """Faults of the provider some at once, meanwhile one death after another."""
    free = asyncio.Semaphore(AT_ONCE)
    forging = asyncio.create_task(here.forger.run())
    deaths = [trial for trial in trials if trial.kill]
    others = [trial for trial in trials if not trial.kill]

    async def one(trial: Trial) -> Played:
        async with free:
            # It is for the next submit, whoever's: which picture it hits does not matter.
            if trial.faults:
                await asyncio.to_thread(here.provider.script, *trial.faults)
            found = await _finish(here, Played(trial, await _create(here, trial)))
        say(f"{trial.kind}: {found.status}")
        return found

    played = list(await asyncio.gather(*(one(trial) for trial in others)))
    dead = [await _die(here, trial) for trial in deaths]
    played += [await _finish(here, one) for one in dead]
    await here.forger.stop()
    await forging
    return played


async def _die(here: World, trial: Trial) -> Played:
    """While the others hold still a worker takes this picture, and dies of it."""
    doomed = here.stack.work(PROMPT_QUEUE_FAILPOINTS=f"{trial.kill}:kill")
    await asyncio.sleep(START_SECONDS)
    for worker in here.workers:
        worker.send_signal(signal.SIGSTOP)
    try:
        job_id = await _create(here, trial)
        deadline = time.monotonic() + 10
        while doomed.poll() is None:
            if time.monotonic() > deadline:
                doomed.terminate()
            await asyncio.sleep(0.02)
    finally:
        for worker in here.workers:
            worker.send_signal(signal.SIGCONT)
    return Played(trial, job_id)


async def _create(here: World, trial: Trial) -> str:
    body = {"rowId": str(DEMO_ROW_ID), "targetUrl": here.url, "prompt": trial.prompt}
    headers = {"Idempotency-Key": f"trial-{trial.number}"}
    url = f"{here.stack.base}/api/jobs/create"
    async with here.session.post(url, json=body, headers=headers) as response:
        document: dict[str, Any] = json.loads(await response.read())
        assert response.status == 202, document
    return str(document["jobId"])


async def _finish(here: World, played: Played) -> Played:
    began = time.monotonic()
    while time.monotonic() < began + FINAL_SECONDS:
        url = f"{here.stack.base}/api/jobs/{played.job_id}?wait=20"
        async with here.session.get(url) as response:
            document = await response.json()
        if document["status"] in _OVER:
            break
    played.status, played.error_code = document["status"], document["errorCode"]
    played.resubmitted = document["pictures"][0]["resubmitted"]
    return played
