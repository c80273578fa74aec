"""Plays it on the whole product: outbox, two workers that die again and again, a receiver."""

import asyncio
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from tests.e2e.stack import Stack

from lab.webhooks.receiver import Receiver, receiving
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.embedded import EmbeddedPostgres

EACH = 5
WORKERS = 2
PAUSE_SECONDS = (1.0, 4.0)
_MAKE = """
insert into public.webhook_endpoints (user_id, url, secret)
values ($1, $2, public.new_webhook_secret()) returning secret
"""
_TELL = """
select count(public.enqueue_webhook(
  $1, 'alert.firing', s.subject, jsonb_build_object('subject', s.subject, 'n', $3::int)
)) from unnest($2::uuid[]) s (subject)
"""
_OPEN = """
select (select o.messages from public.webhook_outcomes() o where o.outcome = 'delivered')
  as delivered
"""
_PLACES = ("webhook.answered:kill@{}", "settle.sent:kill@{}", "webhook.sent:kill@{}")


@dataclass
class Played:
    """What was sent and who died of what."""

    receiver: Receiver
    subjects: list[str]
    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


@dataclass
class Crew:
    """Workers, each replaced when it dies."""

    stack: Stack
    dice: random.Random
    kills: Counter[str]
    running: list[tuple[subprocess.Popen[bytes], str]] = field(default_factory=list)

    def fill(self) -> None:
        """Bury the dead and start as many anew; every other one is to die at a certain place."""
        for worker, place in self.running:
            if worker.poll() is not None and place:
                self.kills[place.partition(":")[0]] += 1
        self.running = [entry for entry in self.running if entry[0].poll() is None]
        while len(self.running) < WORKERS:
            place = ""
            if self.dice.random() < 0.5:
                place = self.dice.choice(_PLACES).format(self.dice.randint(5, 120))
            more = {"PROMPT_QUEUE_FAILPOINTS": place} if place else {}
            self.running.append((self.stack.work(**more), place))

    def kill_one(self) -> None:
        """SIGKILL, wherever it is."""
        entry = self.dice.choice(self.running)
        if entry[0].poll() is None:
            entry[0].send_signal(signal.SIGKILL)
            entry[0].wait(10)
            self.running.remove(entry)
            self.kills["by the clock"] += 1


@asynccontextmanager
async def world(share: float, seed: int) -> AsyncIterator[tuple[Stack, Receiver]]:
    """Server and receiver, ended whatever happens."""
    async with receiving(share, seed) as receiver:
        environment = {
            "XAI_API_KEY": "none", "XAI_API_BASE": "http://127.0.0.1:9/v1",
            "TRUSTED_WEBHOOK_HOSTS": receiver.host_port,
            "PROMPT_QUEUE_WEBHOOK_BASE_SECONDS": "0.005", "PROMPT_QUEUE_WEBHOOK_TRIES": "30",
            "PROMPT_QUEUE_WEBHOOK_SECONDS": "2", "PROMPT_QUEUE_LEASE_SECONDS": "2",
        }  # fmt: skip
        stack = Stack(environment, workers=0)
        try:
            await asyncio.to_thread(stack.up)
            yield stack, receiver
        finally:
            await asyncio.to_thread(stack.close)


async def play(messages: int, share: float, seed: int, limit_seconds: float) -> Played:
    """Send that many; ends when all are delivered, or after the limit."""
    dice = random.Random(seed)
    subjects = [str(UUID(int=dice.getrandbits(128))) for _ in range(max(messages // EACH, 1))]
    async with world(share, seed) as (stack, receiver):
        played = Played(receiver, subjects)
        crew = Crew(stack, dice, played.kills)
        with EmbeddedPostgres(stack.data_dir) as server:
            connection = await asyncpg.connect(server.start())
            try:
                url = f"http://{receiver.host_port}/hook"
                receiver.secret = await connection.fetchval(_MAKE, DEMO_USER_ID, url)
                began = time.monotonic()
                telling = asyncio.create_task(_tell(connection, subjects))
                while time.monotonic() < began + limit_seconds:
                    crew.fill()
                    await asyncio.sleep(dice.uniform(*PAUSE_SECONDS))
                    if telling.done() and await connection.fetchval(_OPEN) >= len(subjects) * EACH:
                        break
                    if len(receiver.calls) > 0 and dice.random() < 0.5:
                        crew.kill_one()
                await telling
                crew.fill()
                played.seconds = time.monotonic() - began
            finally:
                await connection.close()
    return played


async def _tell(connection: asyncpg.Connection, subjects: list[str]) -> None:
    """Round by round, some subjects a transaction, so that workers send meanwhile."""
    for number in range(EACH):
        for start in range(0, len(subjects), 50):
            some = subjects[start : start + 50]
            await connection.fetchval(_TELL, DEMO_USER_ID, some, number)
            await asyncio.sleep(0.05)
