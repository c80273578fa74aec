"""One fault of the network after the other, under load; ours are started once and never touched."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from lab.hosts.fleet import INSIDE, OUTSIDE, SERVER, WORKERS, Fleet
from lab.logs import LeaseChange
from lab.rig import Rig
from prompt_queue.storage.samples import read_sample

LEASE_SECONDS = 2.0
BEFORE_SECONDS = 2.0
CUT_SECONDS = 2 * LEASE_SECONDS
SLOW_SECONDS = 0.1
AFTER_SECONDS = 3.0
OPEN_JOBS = 60

OFF = "a worker from everything"
OFF_DATABASE = "a worker from the database"
OFF_PROVIDER = "a worker from the provider"
SERVER_OFF = "the server from the database"
SLOW = "slow: a worker's link to the database"
KINDS = (OFF, OFF_DATABASE, OFF_PROVIDER, SERVER_OFF, SLOW)
_CUTS = {
    OFF: (INSIDE, OUTSIDE),
    OFF_DATABASE: (INSIDE,),
    OFF_PROVIDER: (OUTSIDE,),
    SERVER_OFF: (INSIDE,),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What was done to which host, from when to when (Unix seconds by the database's clock).

    `pid` is the worker's there; `during` and `afterwards` are what HTTP said, None for no answer.
    """

    kind: str
    host: str
    begun: float
    healed: float
    pid: int | None = None
    during: int | None = None
    afterwards: int | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """Claims a second of those that were not hit, before and meanwhile, and the seconds from the
    healing until the worker that was hit claimed again; None where nobody was, or it did not.
    """

    rate_before: float
    rate_meanwhile: float
    back: float | None

    @property
    def kept(self) -> float:
        """The share of its rate that the rest kept."""
        return self.rate_meanwhile / self.rate_before if self.rate_before else 0.0


async def disturb(rig: Rig, fleet: Fleet, trials: int) -> list[Trial]:
    """Every kind once, then every kind again in another order, and so on."""
    done: list[Trial] = []
    async with rig.load(OPEN_JOBS):
        await asyncio.sleep(BEFORE_SECONDS)
        while len(done) < trials:
            for kind in rig.random.sample(KINDS, min(len(KINDS), trials - len(done))):
                done.append(await _trial(rig, fleet, kind, len(done)))
    rig.surprises += fleet.ended()
    return done


async def _trial(rig: Rig, fleet: Fleet, kind: str, number: int) -> Trial:
    await asyncio.sleep(BEFORE_SECONDS + rig.random.uniform(0, 1))
    host = SERVER if kind == SERVER_OFF else rig.random.choice(WORKERS)
    pid = fleet.workers[host].pid if host in fleet.workers else None
    loop = asyncio.get_running_loop()
    begun = loop.time()
    if kind in _CUTS:
        fleet.network.cut(host, *_CUTS[kind])
    else:
        fleet.network.slow(host, INSIDE, SLOW_SECONDS)
    if kind in (OFF, OFF_DATABASE):
        rig.harmed(begun, pid)
    asking = asyncio.create_task(_enqueue(rig, fleet, f"during-{number}"))
    await asyncio.sleep(CUT_SECONDS)
    fleet.network.heal(host)
    healed = loop.time()
    during = await asking
    await asyncio.sleep(max(0.0, healed + AFTER_SECONDS - loop.time()))
    afterwards = await _enqueue(rig, fleet, f"during-{number}")
    offset = rig.clock_offset
    return Trial(kind, host, begun + offset, healed + offset, pid, during, afterwards)


async def _enqueue(rig: Rig, fleet: Fleet, key: str) -> int | None:
    """The status of one request by HTTP, the same for the same key; cancelled if it was taken."""
    body = {
        "rowId": str(rig.row),
        "targetUrl": rig.pictures.add("asked.jpg", read_sample("cat.jpg")),
    }
    headers = {"Idempotency-Key": key}
    reply = await fleet.ask("POST", "/api/prompt/queue", headers, body)
    if reply and reply.status == 202:
        await fleet.ask("DELETE", f"/api/prompt/queue/{reply.body['promptJobId']}")
    return reply.status if reply else None


def effect(trial: Trial, leases: Sequence[LeaseChange]) -> Effect:
    """From all claims, in the order of their times."""
    claims = [(lease.at, lease.pid) for lease in leases if lease.new_token is not None]
    rest = [at for at, pid in claims if trial.pid is None or pid != trial.pid]
    before = sum(trial.begun - BEFORE_SECONDS <= at < trial.begun for at in rest)
    meanwhile = sum(trial.begun <= at < trial.healed for at in rest)
    own = [at for at, pid in claims if pid == trial.pid and at >= trial.healed]
    return Effect(
        before / BEFORE_SECONDS,
        meanwhile / (trial.healed - trial.begun),
        own[0] - trial.healed if trial.pid is not None and own else None,
    )
