"""pg_terminate_backend on a random connection every 30 to 120 milliseconds, under load."""

import asyncio
from typing import Final

from lab.quota import until_enough
from lab.rig import Rig

KIND: Final = "terminate a random backend"
TRIALS: Final = 306
_WORKERS = 3
_OPEN_JOBS = 9
_TRIAL_SECONDS = 1.0
_TERMINATE = """
select count(pg_terminate_backend(pid)) from (
  select pid from pg_stat_activity
  where backend_type = 'client backend' and pid <> pg_backend_pid() order by random() limit 1
) as victim
"""


async def run(rig: Rig, trials: int) -> int:
    """Returns how many backends were terminated."""

    async def terminate(_: int) -> bool:
        await asyncio.sleep(rig.random.uniform(0.03, 0.12))
        return bool(await rig.look(_TERMINATE))

    async with rig.crew(_WORKERS), rig.load(_OPEN_JOBS):
        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [terminate])
