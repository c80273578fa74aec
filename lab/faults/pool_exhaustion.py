"""PostgreSQL has no connection left, or its tables are locked, for longer than a lease."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from lab.quota import until_enough
from lab.rig import LEASE_SECONDS, Rig

KIND: Final = "take all connections, or lock the tables"
TRIALS: Final = 32
_WORKERS = 3
_OPEN_JOBS = 12
_TRIAL_SECONDS = 6.0
_MOST = 300
_LOCK = """
lock table public.prompt_job_queue, public.prompt_generation_jobs in access exclusive mode
"""


async def run(rig: Rig, trials: int) -> int:
    """Returns how often everything was taken."""
    acts: tuple[Callable[[float], Awaitable[bool]], ...]

    async def take_connections(seconds: float) -> bool:
        held: list[asyncpg.Connection] = []
        try:
            for _ in range(_MOST):
                try:
                    held.append(await asyncpg.connect(rig.cluster.dsn))
                except asyncpg.TooManyConnectionsError:
                    # Who reconnects meanwhile finds none.
                    await _end_the_others(held[0])
                    await asyncio.sleep(seconds)
                    return True
            return False
        finally:
            for connection in held:
                connection.terminate()

    async def lock_tables(seconds: float) -> bool:
        connection = await asyncpg.connect(rig.cluster.dsn)
        try:
            async with connection.transaction():
                await connection.execute(_LOCK)
                await asyncio.sleep(seconds)
        finally:
            await connection.close()
        return True

    acts = (take_connections, lock_tables)

    async def exhaust(number: int) -> bool:
        act = acts[number % len(acts)]
        hit = await act(LEASE_SECONDS * rig.random.uniform(1, 2))
        rig.hits[act.__name__.replace("_", " ")] += hit
        await asyncio.sleep(LEASE_SECONDS)
        return hit

    async with rig.crew(_WORKERS), rig.load(_OPEN_JOBS):
        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [exhaust])


async def _end_the_others(mine: asyncpg.Connection) -> None:
    """Some of those who have a connection lose it, and the laboratory takes their places."""
    await mine.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = 'prompt-queue' and backend_type = 'client backend' "
        "and random() < 0.5"
    )
