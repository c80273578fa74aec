"""Twenty calls of the cron route at once: one of them works, the others say that it does."""

import asyncio
from typing import Final

from lab.processes import Server, serving
from lab.quota import until_enough
from lab.rig import Rig

KIND: Final = "tick 20 crons at once"
TRIALS: Final = 32
_AT_ONCE = 20
_TRIAL_SECONDS = 6.0


async def run(rig: Rig, trials: int) -> int:
    """Returns how often the twenty met; two that both work are noted as two answers."""
    async with serving(rig) as one, serving(rig) as other:

        async def meet(number: int) -> bool:
            await rig.enqueue(3)
            replies = await asyncio.gather(*(_tick(one, other, n) for n in range(_AT_ONCE)))
            winners = [str(n) for n, skipped in enumerate(replies) if skipped is False]
            rig.elected(f"cron-{number}", winners)
            return None not in replies

        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [meet])


async def _tick(one: Server, other: Server, number: int) -> bool | None:
    """Whether this call was skipped; None where it got no proper answer."""
    reply = await (other if number % 2 else one).tick()
    if reply is None or reply.status != 200:
        return None
    return bool(reply.body.get("skipped", False))
