"""A hypothesis state machine over the real SQL functions, beside a model of them."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar
from uuid import UUID, uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.clusters import EMBEDDED_MAJOR, Clusters
from tests.proofs.acts import Acts
from tests.proofs.queue_model import MAX_RETRIES, Job, QueueModel

Answer = TypeVar("Answer")

MOST_JOBS = 4
WHICH = st.integers(0, MOST_JOBS - 1)
TOKENS = st.sampled_from(["current", "current", "current", "stale", "random"])
OUTCOMES = st.sampled_from(["completed", "failed", "retry", "released"])
STATUSES = st.sampled_from(["completed", "failed", "queued", "processing", "cancelled"])

some_job = precondition(lambda machine: machine.model.jobs)

leased_job = precondition(lambda machine: any(job.token for job in machine.model.jobs.values()))


class Machine(RuleBasedStateMachine):
    """Each rule does one act on both sides and compares the answers. A crash is no act at all:
    the worker's token is never used again, and its lease lapses."""

    def __init__(self, runner: asyncio.Runner, acts: Acts) -> None:
        super().__init__()
        self.runner, self.acts, self.model = runner, acts, QueueModel()
        self.over: dict[UUID, tuple[str, str | None]] = {}
        self.calls: list[UUID] = []
        self.last: tuple[str, tuple[object, ...]] | None = None
        self.run_act(acts.clear())

    def run_act(self, act: Coroutine[object, object, Answer]) -> Answer:
        return self.runner.run(act)

    def both(self, name: str, *arguments: object) -> None:
        """The act's answer is the model's."""
        self.last = name, arguments
        answer = self.run_act(getattr(self.acts, name)(*arguments))
        assert answer == getattr(self.model, name)(*arguments), (name, arguments)

    def job(self, which: int) -> tuple[UUID, Job]:
        """A job; the ones that somebody works on come first, because most happens there."""
        jobs = sorted(self.model.jobs.items(), key=lambda item: item[1].token is None)
        return jobs[which % len(jobs)]

    def token(self, job: Job, kind: str) -> UUID:
        if kind == "current" and job.token:
            return job.token
        return job.stale[-1] if kind == "stale" and job.stale else uuid4()

    @initialize(count=st.integers(1, 3))
    def enqueue_some(self, count: int) -> None:
        for _ in range(count):
            self.enqueue()
        self.claim(1)

    @precondition(lambda machine: len(machine.model.jobs) < MOST_JOBS)
    @rule()
    def enqueue(self) -> None:
        self.model.jobs[self.run_act(self.acts.enqueue(MAX_RETRIES))] = Job()

    @precondition(lambda machine: machine.model.claimable())
    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        claimable = self.model.claimable()
        self.run_act(self.acts.wake())
        claims = self.run_act(self.acts.claim(limit))
        assert claims.keys() <= claimable
        assert len(claims) == min(limit, len(claimable))
        assert all(token not in self.model.jobs[job].stale for job, token in claims.items())
        self.model.claimed(claims)

    @some_job
    @rule(which=WHICH, kind=TOKENS)
    def heartbeat(self, which: int, kind: str) -> None:
        job_id, job = self.job(which)
        self.both("heartbeat", job_id, self.token(job, kind))

    @some_job
    @rule(which=WHICH, kind=TOKENS, outcome=OUTCOMES)
    def settle(self, which: int, kind: str, outcome: str) -> None:
        job_id, job = self.job(which)
        self.both("settle", job_id, self.token(job, kind), outcome)

    @some_job
    @rule(which=WHICH, status=STATUSES)
    def update(self, which: int, status: str) -> None:
        job_id, job = self.job(which)
        self.both("update", job_id, status)
        if status == "processing" and job.open and job.token is None:
            job.token = self.run_act(self.acts.facts(job_id)).token

    @some_job
    @rule(which=WHICH, act=st.sampled_from(["retry", "retry", "cancel"]))
    def operate(self, which: int, act: str) -> None:
        self.both(act, self.job(which)[0])

    @leased_job
    @rule(which=WHICH)
    def fall_silent(self, which: int) -> None:
        self.both("expire", self.job(which)[0])
        self.both("reap")

    @leased_job
    @rule(which=WHICH)
    def expire(self, which: int) -> None:
        self.both("expire", self.job(which)[0])

    @precondition(lambda machine: any(job.lapsed for job in machine.model.jobs.values()))
    @rule()
    def reap(self) -> None:
        self.both("reap")

    @leased_job
    @rule(which=WHICH, kind=TOKENS)
    def begin(self, which: int, kind: str) -> None:
        job_id, job = self.job(which)
        self.calls.append(uuid4())
        self.both("begin", job_id, self.token(job, kind), self.calls[-1])

    @precondition(lambda machine: machine.calls)
    @rule(which=st.integers(0, 7), answered=st.booleans())
    def end(self, which: int, answered: bool) -> None:
        self.both("end", self.calls[-1 - which % len(self.calls)], answered)

    @precondition(lambda machine: machine.last is not None)
    @rule()
    def repeat_the_last_act(self) -> None:
        """The answer got lost, so the caller asks again."""
        name, arguments = self.last
        if name != "update":
            self.both(name, *arguments)

    @invariant()
    def the_tables_are_the_model(self) -> None:
        assert self.run_act(self.acts.miscounted()) == []
        for job_id, job in self.model.jobs.items():
            facts = self.run_act(self.acts.facts(job_id))
            assert (facts.status, facts.prompt, facts.token) == (job.status, job.prompt, job.token)
            assert (facts.state is not None) == job.open
            assert (facts.state == "leased") == (facts.token is not None)
            assert facts.retry_count == job.retry_count <= MAX_RETRIES
            assert facts.unanswered == job.unanswered() <= MAX_RETRIES + 1
            assert facts.endings == job.endings
            if facts.status in ("completed", "cancelled"):
                ending = facts.status, facts.prompt
                assert self.over.setdefault(job_id, ending) == ending
            else:
                assert job_id not in self.over


def test_the_functions_do_what_the_model_says(clusters: Clusters) -> None:
    """After every act of thousands of random ones, answers and tables are those of the model."""
    with asyncio.Runner() as runner:
        url = runner.run(clusters.clone(EMBEDDED_MAJOR, "state_machine"))
        acts = runner.run(Acts.open(url))
        try:
            run_state_machine_as_test(
                lambda: Machine(runner, acts),
                settings=settings(
                    derandomize=True,
                    max_examples=80,
                    stateful_step_count=50,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(acts.close())
            runner.run(clusters.drop(EMBEDDED_MAJOR, "state_machine"))
