"""The protocol of leases and ledger as an explicit-state model, small enough to visit every state.

One job and a few workers. A worker claims, writes the intent of a paid call, sends it, and settles.
Anywhere in between it may be paused for long (others simply act first), crash, lose the answer to
a write, or lose its lease; users cancel, and a failover may lose a claim that was answered.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

MOST_CLAIMS = 3
MOST_LOSSES = 3


@dataclass(frozen=True, slots=True)
class Variant:
    """What guards the queue. The defaults are ours."""

    fence: str = "token"  # "processing": by state, as River; "none": by id, as Oban
    reaper: str = "guarded"  # "snapshot": reads, and writes later
    tokens: str = "random"  # "counter": the number of the claim
    ledger: bool = True
    lost_commits: int = 0
    retries: int = 1
    workers: int = 2


@dataclass(frozen=True, slots=True)
class Worker:
    """Where a worker is: idle, claimed, granted (may send) or paid (has the answer)."""

    at: str = "idle"
    token: int = 0
    claim: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """The job; `claim` says which claim holds it, and is not for the queue to see."""

    status: str = "queued"
    token: int = 0
    claim: int = 0
    claims: int = 0
    losses: int = 0
    expired: bool = False

    @property
    def open(self) -> bool:
        return self.status in ("queued", "processing")

    def leave(self, status: str) -> "Row":
        return replace(self, status=status, token=0, claim=0, expired=False)


@dataclass(frozen=True, slots=True)
class State:
    """Everything that there is."""

    workers: tuple[Worker, ...]
    row: Row = Row()
    before: Row | None = None  # what a failover just now would bring back
    drawn: int = 0
    seen: int = 0  # the claim that a snapshot reaper has read as expired
    intents: int = 0
    paid: int = 0
    lost: int = 0

    def become(self, who: int, worker: Worker, **changes: object) -> "State":
        workers = tuple(worker if n == who else w for n, w in enumerate(self.workers))
        return replace(self, workers=workers, **{"before": None, **changes})


@dataclass(frozen=True, slots=True)
class Step:
    """An act, who did it (-1: no worker), and what the queue answered."""

    act: str
    who: int
    answer: object = None


class Violation(Exception):
    """A guarantee that does not hold."""


def start(variant: Variant) -> State:
    return State(workers=(Worker(),) * variant.workers)


def steps(variant: Variant, state: State) -> Iterator[tuple[Step, State]]:
    """Everything that can happen next. Raises Violation when it must not."""
    for who, worker in enumerate(state.workers):
        if worker.at == "idle":
            yield from _claims(variant, state, who)
        else:
            yield from _works(variant, state, who, worker)
    yield from _surroundings(variant, state)


def _claims(variant: Variant, state: State, who: int) -> Iterator[tuple[Step, State]]:
    row, claim = state.row, state.drawn + 1
    if row.status != "queued":
        yield Step("claim", who, False), state
    elif claim <= MOST_CLAIMS:
        token = claim if variant.tokens == "random" else row.claims + 1
        held = replace(row, status="processing", token=token, claim=claim, claims=row.claims + 1)
        worker = Worker("claimed", token, claim)
        yield Step("claim", who, True), state.become(who, worker, row=held, before=row, drawn=claim)


def _works(
    variant: Variant, state: State, who: int, worker: Worker
) -> Iterator[tuple[Step, State]]:
    row = state.row
    held = worker.token == row.token
    yield Step("crash", who), state.become(who, Worker(), before=state.before)
    beaten = replace(row, expired=row.expired and not held)
    yield Step("heartbeat", who, held), replace(state, row=beaten, before=None)
    if worker.at == "paid":
        yield from _settles(variant, state, who, "completed")
    elif worker.at == "granted":
        if state.paid > variant.retries:
            raise Violation("paid more often than max_retries + 1")
        yield (
            Step("send", who),
            state.become(who, replace(worker, at="paid"), before=state.before, paid=state.paid + 1),
        )
    else:
        for outcome in ("failed", "released"):
            yield from _settles(variant, state, who, outcome)
        if variant.ledger and not held:
            yield Step("begin", who, "lease_lost"), state.become(who, Worker())
        elif variant.ledger and state.intents > variant.retries:
            yield Step("begin", who, "outcome_unknown"), state
        else:
            intents = state.intents + variant.ledger
            granted = replace(worker, at="granted")
            yield Step("begin", who, "granted"), state.become(who, granted, intents=intents)
            if variant.ledger:  # the answer is lost, and the worker asks for another call
                yield Step("begin", who, "granted"), state.become(who, worker, intents=intents)


def _settles(
    variant: Variant, state: State, who: int, outcome: str
) -> Iterator[tuple[Step, State]]:
    row, worker = state.row, state.workers[who]
    success = outcome == "completed"
    applied = {
        "none": True,
        "processing": row.status == "processing",
        "token": row.open and (success or worker.token == row.token),
    }[variant.fence]
    if applied and not row.open:
        raise Violation("a final job changed")
    if applied and not success and worker.claim != row.claim:
        raise Violation("a worker without the lease ended another's attempt")
    after = row.leave("queued" if outcome == "released" else outcome) if applied else row
    yield Step(outcome, who, applied), state.become(who, Worker(), row=after)
    # The answer is lost, and the worker asks again.
    yield Step(outcome, who, applied), state.become(who, worker, row=after)


def _surroundings(variant: Variant, state: State) -> Iterator[tuple[Step, State]]:
    row = state.row
    cancelled = row.leave("cancelled") if row.open else row
    already = "already_cancelled" if row.status == "cancelled" else "already_final"
    answer = "cancelled" if row.open else already
    yield Step("cancel", -1, answer), replace(state, row=cancelled, before=None)
    if row.status == "processing":
        yield Step("expire", -1), replace(state, row=replace(row, expired=True), before=None)
    losses = row.losses + 1
    freed = replace(row.leave("queued" if losses < MOST_LOSSES else "failed"), losses=losses)
    if variant.reaper == "guarded":
        after = freed if row.expired else row
        yield Step("reap", -1, int(row.expired)), replace(state, row=after, before=None)
    elif state.seen:
        if state.seen != row.claim or not row.expired:
            raise Violation("the reaper took a job that was not lapsed any more")
        yield Step("reap", -1, 1), replace(state, row=freed, before=None, seen=0)
    elif row.expired:
        yield Step("read", -1), replace(state, seen=row.claim)
    if state.before is not None and state.lost < variant.lost_commits:
        yield (
            Step("fail over", -1),
            replace(state, row=state.before, before=None, lost=state.lost + 1),
        )


@dataclass(frozen=True, slots=True)
class Exploration:
    """How many states there are, or the shortest way to a violation."""

    states: int
    violation: str | None = None
    trace: tuple[Step, ...] = ()


def explore(variant: Variant) -> Exploration:
    """Visit every reachable state, breadth first, until a guarantee breaks."""
    first = start(variant)
    came: dict[State, tuple[State, Step] | None] = {first: None}
    waiting = deque([first])
    while waiting:
        state = waiting.popleft()
        try:
            for step, after in steps(variant, state):
                if after not in came:
                    came[after] = state, step
                    waiting.append(after)
        except Violation as violation:
            trace: list[Step] = []
            while (origin := came[state]) is not None:
                state = origin[0]
                trace.insert(0, origin[1])
            return Exploration(len(came), str(violation), tuple(trace))
    return Exploration(len(came))


def walk(variant: Variant, random: Random, length: int) -> Iterator[tuple[Step, State]]:
    """A random run of the model; cancels and crashes are rare, so that it gets somewhere."""
    state = start(variant)
    for _ in range(length):
        following = list(steps(variant, state))
        weights = [1 if step.act in ("cancel", "crash") else 6 for step, _ in following]
        ((step, state),) = random.choices(following, weights)
        yield step, state
