"""SIGKILL where no worker passes: in a cron pass, inside a migration, before an HTTP answer."""

import signal
from typing import Final

import asyncpg

from lab.processes import run as start
from lab.processes import serving
from lab.quota import until_enough
from lab.rig import Rig
from prompt_queue.store.migrate import migrate, read_migrations

KIND: Final = "kill a cron pass, a migration, a server"
TRIALS: Final = 105
_LANES = 2
_TRIAL_SECONDS = 6.0
_KILLED = -signal.SIGKILL
_SCHEMA = """
select md5(string_agg(line, E'\\n' order by line)) from (
  select format('%s.%s %s %s', table_name, column_name, data_type, column_default) as line
  from information_schema.columns where table_schema = 'public'
  union all
  select pg_get_functiondef(p.oid) from pg_proc p where p.pronamespace = 'public'::regnamespace
) as everything
"""

_RUN_OUT = """
with over as (
  update public.prompt_queue_singletons set lease_until = clock_timestamp() - interval '1 second'
  returning 1
)
select count(*) from over
"""


async def run(rig: Rig, trials: int) -> int:
    """Returns how many processes died at their failpoint."""
    acts = (_cron, _migration, _answer)
    fresh = await _fresh_schema(rig)

    async def kill(number: int) -> bool:
        act = acts[number % len(acts)]
        killed = await act(rig, number, fresh)
        rig.hits[act.__name__.strip("_")] += killed
        return killed

    return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [kill] * _LANES)


async def _fresh_schema(rig: Rig) -> str:
    """What an undisturbed migration makes."""
    admin = await asyncpg.connect(rig.cluster.dsn)
    try:
        await admin.execute("create database undisturbed")
        dsn = rig.cluster.dsn.replace("/postgres?", "/undisturbed?")
        await migrate(dsn, read_migrations())
        return await _schema(dsn)
    finally:
        await admin.close()


async def _schema(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        return str(await connection.fetchval(_SCHEMA))
    finally:
        await connection.close()


async def _cron(rig: Rig, _number: int, _fresh: str) -> bool:
    """The server dies in its pass; the next pass and the workers go on."""
    await rig.enqueue(2)
    # The right of the one that was killed before would last for a minute and a half.
    await rig.look(_RUN_OUT)
    async with serving(rig, "cron.claimed:kill") as server:
        return await server.tick() is None and await server.process.wait() == _KILLED


async def _migration(rig: Rig, number: int, fresh: str) -> bool:
    """It dies inside one of the files, is run again, and the schema is as if it had not."""
    name = f"migrated_{number}"
    admin = await asyncpg.connect(rig.cluster.dsn)
    try:
        await admin.execute(f"create database {name}")
        dsn = rig.cluster.dsn.replace("/postgres?", f"/{name}?")
        passage = 1 + number % len(read_migrations())
        armed = f"migration.inside:kill@{passage}"
        first = await start(rig, "migrate", armed=armed, DATABASE_URL=dsn)
        killed = await first.wait() == _KILLED
        again = await start(rig, "migrate", DATABASE_URL=dsn)
        if await again.wait() != 0:
            rig.surprises.append(f"the migration did not go on after passage {passage}")
        if await _schema(dsn) != fresh:
            rig.surprises.append(f"another schema after a kill at passage {passage}")
        await admin.execute(f"drop database {name}")
        return killed
    finally:
        await admin.close()


async def _answer(rig: Rig, number: int, _fresh: str) -> bool:
    """The job is committed and its server dies; the client repeats, and there is one job."""
    target = f"https://example.com/answer-{number}.jpg"
    headers = {"Idempotency-Key": f"answer-{number}"}
    body = {"rowId": str(rig.row), "targetUrl": target}
    async with serving(rig, "enqueue.committed:kill") as server:
        lost = await server.ask("POST", "/api/prompt/queue", headers=headers, body=body)
        killed = lost is None and await server.process.wait() == _KILLED
    async with serving(rig) as server:
        reply = await server.ask("POST", "/api/prompt/queue", headers=headers, body=body)
        told = reply.body["promptJobId"] if reply and reply.status == 202 else None
        connection = await asyncpg.connect(rig.cluster.dsn)
        try:
            rows = await connection.fetch(
                "select id::text from public.prompt_generation_jobs where target_url = $1", target
            )
        finally:
            await connection.close()
        ids = [row["id"] for row in rows]
        rig.elected(f"answer-{number}", ids)
        if ids != [told]:
            rig.surprises.append(f"told {told}, and there is {ids}")
        # Nobody is there to fetch that picture from.
        await server.ask("DELETE", f"/api/prompt/queue/{told}")
    return killed
