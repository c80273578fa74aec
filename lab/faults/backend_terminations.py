"""pg_terminate_backend on a random connection every 30 to 120 milliseconds, under load."""

import asyncio
from typing import Final

from lab.rig import Rig

KIND: Final = "terminate a random backend"
TRIALS: Final = 150
_WORKERS = 3
_TERMINATE = """
select count(pg_terminate_backend(pid)) from (
  select pid from pg_stat_activity
  where backend_type = 'client backend' and pid <> pg_backend_pid() order by random() limit 1
) as victim
"""


async def run(rig: Rig, trials: int) -> int:
    """Returns how many backends were terminated."""
    crew = [await rig.forks.start() for _ in range(_WORKERS)]
    terminated = 0
    for _ in range(trials):
        await rig.enqueue()
        await asyncio.sleep(rig.random.uniform(0.03, 0.12))
        terminated += await rig.look(_TERMINATE)
    await rig.forks.retire(crew)
    return terminated
