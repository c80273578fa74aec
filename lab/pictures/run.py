"""Plays the trials on the whole product: server, workers that die, a provider that fails."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
_OVER = {"succeeded", "failed", "cancelled"}


@dataclass
class Played:
    """What became of a trial."""

    trial: Trial
    job_id: str
    status: str
    error_code: str | None
    resubmitted: bool
    took: float


@dataclass
class World:
    """What the trials share."""

    stack: Stack
    provider: WaveSpeedStandIn
    url: str
    forger: Forger
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def hire(self, kill: str | None = None) -> subprocess.Popen[bytes]:
        """One more worker, perhaps one that dies at its first visit to that place."""
        failpoints = {"PROMPT_QUEUE_FAILPOINTS": f"{kill}:kill"} if kill else {}
        worker = self.stack.work(**failpoints)
        self.workers.append(worker)
        return worker


async def play(trials: Sequence[Trial], say: Callable[[str], None]) -> tuple[list[Played], World]:
    """All of them, some at once; those with a dying worker one after another.

    The stack is the caller's to close.
    """
    provider = WaveSpeedStandIn.start(latency_seconds=LATENCY_SECONDS)
    pictures = PictureServer()
    environment = {
        "XAI_API_KEY": "none", "XAI_API_BASE": "http://127.0.0.1:9/v1",
        "WAVESPEED_API_KEY": provider.api_key, "WAVESPEED_API_BASE": provider.base_url,
        "PROMPT_QUEUE_PICTURE_STAND_IN": "true", "PROMPT_QUEUE_WAVESPEED_LEVEL": "none",
        "PROMPT_QUEUE_RECONCILE_SECONDS": "6", "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS":
        pictures.host_port, "PROMPT_QUEUE_RETRY_BASE_DELAY_MS": "200",
        "PROMPT_QUEUE_LEASE_SECONDS": str(LEASE_SECONDS),
    }  # fmt: skip
    stack = Stack(environment, workers=0).up()
    secret = provider.settings()["webhookSecret"]
    async with aiohttp.ClientSession() as session:
        forger = Forger(session, stack, secret)
        world = World(stack, provider, pictures.add("t.png", plain("teal")), forger)
        deaths = [trial for trial in trials if trial.kill]
        others = [trial for trial in trials if not trial.kill]
        played = []
        for trial in deaths:
            played.append(await _die(world, session, trial))
            say(f"{len(played)} of {len(trials)}")
        world.hire()
        world.hire()
        free = asyncio.Semaphore(AT_ONCE)

        async def one(trial: Trial) -> Played:
            async with free:
                found = await _play(world, session, trial)
                say(f"{trial.number} {found.status}")
                return found

        begun = [asyncio.create_task(one(trial)) for trial in others]
        forging = asyncio.create_task(forger.run())
        played += await asyncio.gather(*begun)
        played = [await _finish(session, stack, one) for one in played]
        await forger.stop()
        await forging
    pictures.close()
    return played, world


async def _die(world: World, session: aiohttp.ClientSession, trial: Trial) -> Played:
    """A worker takes this picture alone and dies of it; others finish it at the end."""
    doomed = world.hire(trial.kill)
    job_id = await _create(world, session, trial)
    deadline = time.monotonic() + 30
    while doomed.poll() is None:
        if time.monotonic() > deadline:
            doomed.terminate()
        await asyncio.sleep(0.02)
    return Played(trial, job_id, "", None, resubmitted=False, took=0.0)


async def _play(world: World, session: aiohttp.ClientSession, trial: Trial) -> Played:
    # A fault is for the next submit, whoever's: which picture it hits does not matter.
    if trial.faults:
        await asyncio.to_thread(world.provider.script, *trial.faults)
    job_id = await _create(world, session, trial)
    return Played(trial, job_id, "", None, resubmitted=False, took=0.0)


async def _create(world: World, session: aiohttp.ClientSession, trial: Trial) -> str:
    body = {"rowId": str(DEMO_ROW_ID), "targetUrl": world.url, "prompt": trial.prompt}
    headers = {"Idempotency-Key": f"trial-{trial.number}"}
    url = f"{world.stack.base}/api/jobs/create"
    async with session.post(url, json=body, headers=headers) as response:
        document: dict[str, Any] = json.loads(await response.read())
        assert response.status == 202, document
    return str(document["jobId"])


async def _finish(session: aiohttp.ClientSession, stack: Stack, played: Played) -> Played:
    began = time.monotonic()
    while time.monotonic() < began + FINAL_SECONDS:
        async with session.get(f"{stack.base}/api/jobs/{played.job_id}?wait=20") as response:
            document = await response.json()
        if document["status"] in _OVER:
            break
    played.status, played.error_code = document["status"], document["errorCode"]
    played.resubmitted = document["pictures"][0]["resubmitted"]
    played.took = time.monotonic() - began
    return played
