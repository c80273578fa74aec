"""One failover after the other under load; ours are started once and never touched."""

import asyncio
from dataclasses import dataclass

from lab.failover.pair import Pair
from lab.processes import Server, serving
from lab.rig import Rig
from prompt_queue.storage.samples import read_sample

BEFORE_SECONDS = 2.0
_NOTICED_SECONDS = (0.2, 1.5)
_AFTER_SECONDS = 4.0
_WORKERS = 3
_OPEN_JOBS = 40
_RATE_SECONDS = 1.0
_FULL = 0.9


@dataclass(frozen=True, slots=True)
class Trial:
    """When the primary died and the standby took writes (Unix seconds by the
    database's clock), and what HTTP said."""

    killed: float
    promoted: float
    during: int | None
    afterwards: int | None


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from the promotion to the first job that ended, and to the full rate again."""

    rate_before: float
    first: float | None
    full: float | None


async def fail_over(rig: Rig, pair: Pair, trials: int) -> list[Trial]:
    """Kill the primary, promote the standby, bring the dead one back as the standby, repeat."""
    done = []
    async with rig.crew(_WORKERS), serving(rig) as server, rig.load(_OPEN_JOBS):
        for number in range(trials):
            done.append(await _trial(rig, pair, server, number))
        if server.process.returncode is not None:
            rig.surprises.append(f"the server ended with {server.process.returncode}")
    return done


async def _trial(rig: Rig, pair: Pair, server: Server, number: int) -> Trial:
    await asyncio.sleep(BEFORE_SECONDS + rig.random.uniform(0, 1))
    killed = await asyncio.to_thread(pair.kill_primary) + rig.clock_offset
    asking = asyncio.create_task(_enqueue(rig, server, f"during-{number}"))
    await asyncio.sleep(rig.random.uniform(*_NOTICED_SECONDS))
    promoted = await asyncio.to_thread(pair.promote) + rig.clock_offset
    during = await asking
    await asyncio.sleep(_AFTER_SECONDS)
    afterwards = await _enqueue(rig, server, f"during-{number}")
    await asyncio.to_thread(pair.rejoin)
    return Trial(killed, promoted, during, afterwards)


async def _enqueue(rig: Rig, server: Server, key: str) -> int | None:
    """The status of one request by HTTP, the same for the same key; cancelled if it was taken."""
    body = {
        "rowId": str(rig.row),
        "targetUrl": rig.pictures.add("asked.jpg", read_sample("cat.jpg")),
    }
    reply = await server.ask(
        "POST", "/api/prompt/queue", headers={"Idempotency-Key": key}, body=body
    )
    if reply and reply.status == 202:
        await server.ask("DELETE", f"/api/prompt/queue/{reply.body['promptJobId']}")
    return reply.status if reply else None


def times(trial: Trial, ends: list[float]) -> Times:
    """From the times at which jobs ended, in order."""
    before = [at for at in ends if trial.killed - BEFORE_SECONDS <= at < trial.killed]
    rate = len(before) / BEFORE_SECONDS
    after = [at for at in ends if trial.promoted <= at < trial.promoted + _AFTER_SECONDS]
    first = after[0] - trial.promoted if after else None
    for number, at in enumerate(after):
        in_window = sum(at <= other < at + _RATE_SECONDS for other in after[number:])
        if rate and in_window / _RATE_SECONDS >= _FULL * rate:
            return Times(rate, first, at - trial.promoted)
    return Times(rate, first, None)
