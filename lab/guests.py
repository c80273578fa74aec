"""Trials in which a worker of another kind works beside the usual ones for a while."""

import asyncio
import signal
from typing import Final

from lab.forks import Forks
from lab.rig import LEASE_SECONDS, Rig

_WORKS_SECONDS: Final = (0.4, 1.2)
_CLAIMED = """
select count(*) from public.prompt_job_events
where kind = 'claimed' and data ->> 'worker' like '%-{pid}-%'
"""


async def visit(rig: Rig, forks: Forks) -> bool:
    """One worker of these forks comes, works, and is killed, frozen past its lease or retired.

    True if it had a job.
    """
    pid = await forks.start()
    await asyncio.sleep(rig.random.uniform(*_WORKS_SECONDS))
    match rig.random.randrange(3):
        case 0:
            await forks.retire([pid])
        case 1:
            forks.signal(pid, signal.SIGSTOP)
            await asyncio.sleep(LEASE_SECONDS * 1.5)
            forks.signal(pid, signal.SIGCONT)
            await asyncio.sleep(_WORKS_SECONDS[0])
            await forks.retire([pid])
        case _:
            forks.signal(pid, signal.SIGKILL)
            await forks.ended(pid, 5)
    return bool(await rig.look(_CLAIMED.format(pid=pid)))
