"""PostgreSQL's own isolation-tester method on one job: every order of every two or three acts."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import combinations, combinations_with_replacement, permutations
from uuid import UUID

import pytest

from tests.conftest import until
from tests.proofs.acts import Acts, waits

ACTS = ("claim", "heartbeat", "complete", "fail", "cancel", "reap", "begin")
STARTS = ("lapsed", "lost", "lapsed for the third time")
Answer = tuple[str, object]


class Stage:
    """One job, up to three sessions that act on it, and an onlooker."""

    def __init__(self, onlooker: Acts, sessions: list[Acts]) -> None:
        self.onlooker = onlooker
        self.sessions = sessions
        self.runs = self.blocked = self.impossible = 0

    async def start(self, start: str) -> tuple[UUID, UUID]:
        """A new job that a worker has or had, and that worker's token."""
        watch = self.onlooker
        await watch.clear()
        job = await watch.enqueue(max_retries=0)
        token = (await watch.claim())[job]
        await watch.expire(job)
        if start == "lost":
            await watch.reap()
        elif start == "lapsed for the third time":
            await watch.connection.execute("update public.prompt_job_queue set lease_losses = 2")
        return job, token

    async def act(self, session: Acts, act: str, job: UUID, token: UUID) -> Answer:
        """Do it, and say whether it was done."""
        match act:
            case "claim":
                return act, job in await session.claim()
            case "heartbeat":
                return act, await session.heartbeat(job, token)
            case "complete" | "fail":
                outcome = "completed" if act == "complete" else "failed"
                return act, await session.settle(job, token, outcome)
            case "cancel":
                return act, await session.cancel(job)
            case "begin":
                return act, await session.begin(job, token)
        return act, await session.reap()

    async def play(
        self, start: str, acts: Sequence[str], order: Sequence[int]
    ) -> list[Answer] | None:
        """Take the steps of the sessions in this order; None where a lock forbids the order."""
        job, token = await self.start(start)
        running: dict[int, asyncio.Task[Answer]] = {}
        step = dict.fromkeys(range(len(acts)), 0)
        possible = True
        for who in order:
            session, name = self.sessions[who], ("begin", "act", "commit")[step[who]]
            step[who] += 1
            if name == "act":
                task = asyncio.create_task(self.act(session, acts[who], job, token))
                running[who] = task
                await until(lambda t=task, s=session: self._done_or_waits(t, s), every=0)
                self.blocked += not task.done()
                continue
            if name == "commit" and not running[who].done():
                possible = False
                break
            await session.connection.execute(name)
            if name == "commit":
                for other, task in running.items():
                    await until(
                        lambda t=task, s=self.sessions[other]: self._done_or_waits(t, s), every=0
                    )
        answers = await self._finish(running, step)
        if not possible:
            self.impossible += 1
            return None
        self.runs += 1
        await self._judge(job, answers)
        return answers

    async def _done_or_waits(self, task: asyncio.Task[Answer], session: Acts) -> bool:
        return task.done() or await waits(self.onlooker.connection, session.connection)

    async def _finish(
        self, running: dict[int, asyncio.Task[Answer]], step: dict[int, int]
    ) -> list[Answer]:
        """Commit whoever is free until everybody is; a deadlock would raise here."""
        open_ones = {who for who in running if step[who] < 3 or not running[who].done()}
        while open_ones:
            await asyncio.wait([running[w] for w in open_ones], return_when="FIRST_COMPLETED")
            for who in [w for w in open_ones if running[w].done()]:
                await self.sessions[who].connection.execute("commit")
                open_ones.discard(who)
        for session in self.sessions[: len(step)]:
            if session.connection.is_in_transaction():
                await session.connection.execute("commit")
        return [running[who].result() for who in sorted(running)]

    async def _judge(self, job: UUID, answers: list[Answer]) -> None:
        """One winner at most, the row is what the winner was told, and the log says it once."""
        facts = await self.onlooker.facts(job)
        winners = [_ENDINGS[a] for a in answers if a in _ENDINGS]
        assert len(winners) <= 1, answers
        if winners:
            assert (facts.status, facts.endings) == (winners[0], 1), answers
            assert facts.state is None
        elif facts.status == "failed":
            assert ("reap", 1) in answers
            assert facts.endings == 1, facts
        else:
            assert (facts.endings, facts.state is not None) == (0, True), (answers, facts)
            assert (facts.state == "leased") == (facts.token is not None)
        assert (facts.status == "processing") == (facts.state == "leased")


_ENDINGS: dict[Answer, str] = {
    ("complete", (True, "completed")): "completed",
    ("fail", (True, "failed")): "failed",
    ("cancel", "cancelled"): "cancelled",
}


def orders(sessions: int, steps: int) -> Iterator[tuple[int, ...]]:
    """All the orders in which the steps of the sessions can come."""
    yield from sorted(set(permutations([who for who in range(sessions) for _ in range(steps)])))


def with_begins(order: Sequence[int]) -> list[int]:
    """The same order of acts and commits, each session beginning just before its act."""
    steps: list[int] = []
    for who in order:
        steps += [who] if who in steps else [who, who]
    return steps


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    everybody = [await Acts.open(database_url) for _ in range(4)]
    yield Stage(everybody[0], everybody[1:])
    for one in everybody:
        await one.close()


async def serial_answers(stage: Stage, start: str, acts: Sequence[str]) -> set[tuple[Answer, ...]]:
    """What the acts answer when each is over before the next begins, or when claim or reap pass by
    a locked row as if they had not been there."""
    found: set[tuple[Answer, ...]] = set()
    for sequence in permutations(range(len(acts))):
        order = [who for who in sequence for _ in range(3)]
        answers = await stage.play(start, acts, order)
        assert answers is not None
        found.add(tuple(answers))
    for place, act in enumerate(acts):
        if act in _PASSED_BY and len(acts) > 1:
            rest = await serial_answers(stage, start, [*acts[:place], *acts[place + 1 :]])
            found |= {(*r[:place], _PASSED_BY[act], *r[place:]) for r in rest}
    return found


_PASSED_BY: dict[str, Answer] = {"claim": ("claim", False), "reap": ("reap", 0)}


@pytest.mark.parametrize("start", STARTS)
async def test_two_acts_in_any_order_answer_as_if_one_came_after_the_other(
    stage: Stage, start: str
) -> None:
    """Whatever two sessions do to one job at once, the answers are those of a serial order."""
    for acts in combinations_with_replacement(ACTS, 2):
        serial = await serial_answers(stage, start, acts)
        for order in orders(2, 3):
            answers = await stage.play(start, acts, order)
            assert answers is None or tuple(answers) in serial, (acts, order, answers)
    assert stage.runs > 500
    assert stage.blocked > 100


async def test_three_acts_in_any_order_answer_as_if_each_came_alone(stage: Stage) -> None:
    """With three sessions too, every order of acts and commits is worth a serial one."""
    for acts in combinations(ACTS[:6], 3):
        serial = await serial_answers(stage, "lapsed", acts)
        for order in orders(3, 2):
            answers = await stage.play("lapsed", acts, with_begins(order))
            assert answers is None or tuple(answers) in serial, (acts, order, answers)
    assert stage.runs > 1000


async def test_a_refused_settlement_names_the_status_that_it_waited_for(stage: Stage) -> None:
    """A worker that waited behind a cancel is told cancelled, not processing."""
    job, token = await stage.start("lapsed")
    first, second = stage.sessions[:2]
    late = second.settle(job, token, "completed")
    assert await first.overtakes(first.cancel(job), second, late) == (False, "cancelled")


async def test_two_calls_at_once_do_not_pass_the_bound_of_the_ledger(stage: Stage) -> None:
    """The second of two simultaneous intents of one lease counts the first."""
    job, token = await stage.start("lapsed")
    first, second = stage.sessions[:2]
    late = second.begin(job, token)
    assert await first.overtakes(first.begin(job, token), second, late) == "outcome_unknown"
