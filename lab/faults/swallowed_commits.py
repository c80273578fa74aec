"""Commits are done, their answers swallowed and the line cut: for every statement that counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from lab.proxy.postgres import Trap, When, postgres_proxy
from lab.quota import Trial, until_enough
from lab.rig import Rig
from prompt_queue.store.database import Database
from prompt_queue.store.worker_store import WorkerStore

KIND: Final = "swallow a commit's answer"
TRIALS: Final = 312
OF_WORKERS: Final = (
    "claim_prompt_jobs",
    "begin_provider_calls",
    "end_provider_calls",
    "settle_prompt_jobs",
    "heartbeat_prompt_jobs",
    "free_expired_prompt_leases",
)
OF_CLIENTS: Final = ("^commit", "enqueue_prompt_job", "take_prompt_singleton")
_STATEMENTS = OF_WORKERS + OF_CLIENTS
_LANES = 3
_OPEN_JOBS = 10
_WAIT_SECONDS = 5.0
_LOOK_SECONDS = 0.02
_TRIAL_SECONDS = 2.0
_ALONE_SECONDS = 30.0


async def run(rig: Rig, trials: int) -> int:
    """Returns how many commits lost their answer."""
    async with AsyncExitStack() as stack:
        lanes = [await stack.enter_async_context(_lane(rig)) for _ in range(_LANES)]
        # A claim whose answer is lost needs somebody to free it.
        await stack.enter_async_context(rig.crew(1, concurrency=1))
        await stack.enter_async_context(rig.load(_OPEN_JOBS))
        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, lanes)


@asynccontextmanager
async def _lane(rig: Rig) -> AsyncIterator[Trial]:
    """A line of its own, with one worker and one client behind it."""
    async with postgres_proxy(rig.cluster.dsn) as proxy:
        database = await Database.open(proxy.dsn)

        async def swallow(number: int) -> bool:
            statement = _STATEMENTS[number % len(_STATEMENTS)]
            trap = proxy.trap(statement, When.AFTER)
            await _act(rig, statement, database, f"alone-{number}")
            await _sprung(trap, _WAIT_SECONDS)
            proxy.disarm(trap)
            rig.hits[statement] += trap.sprung
            return trap.sprung

        try:
            async with rig.crew(1, database_url=proxy.dsn):
                yield swallow
        finally:
            await database.close()


async def _act(rig: Rig, statement: str, client: Database, name: str) -> None:
    """What no worker does by itself."""
    if statement == "take_prompt_singleton":
        token = await WorkerStore(client).take_singleton(name, _ALONE_SECONDS)
        rig.elected(name, [str(token)] if token else [])
    elif statement in OF_CLIENTS:
        await rig.enqueue(through=client)


async def _sprung(trap: Trap, within: float) -> None:
    try:
        async with asyncio.timeout(within):
            while not trap.sprung:
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        return
