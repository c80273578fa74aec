"""Twenty cron ticks at once: one of them gets the right to work, and works."""

import asyncio
from typing import Final

from lab.rig import Rig
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.worker.run import build_tick

KIND: Final = "tick 20 crons at once"
TRIALS: Final = 25
_AT_ONCE = 20
_NAME = "lab-cron"
_LEASE_SECONDS = 30.0
_BUDGET_SECONDS = 0.5


async def run(rig: Rig, trials: int) -> int:
    """Returns how many times the twenty met; two that both work are noted as two answers."""
    tick = build_tick(rig.settings, rig.database)
    if tick is None:
        raise RuntimeError("the laboratory's settings have no key")
    store = WorkerStore(rig.database)
    for number in range(trials):
        await rig.enqueue(3)
        tokens = await asyncio.gather(
            *(store.take_singleton(_NAME, _LEASE_SECONDS) for _ in range(_AT_ONCE))
        )
        winners = [token for token in tokens if token is not None]
        rig.elected(f"cron-{number}", [str(token) for token in winners])
        await asyncio.gather(*(tick(_BUDGET_SECONDS) for _ in winners))
        for token in winners:
            await store.release_singleton(_NAME, token)
    return trials
