"""Our protocol breaks no guarantee, weaker ones do, and the SQL answers like the model of ours."""

from random import Random
from uuid import UUID

import pytest

from tests.proofs.acts import Acts
from tests.proofs.protocol import Step, Variant, explore, walk

OURS = Variant()


@pytest.mark.parametrize(
    "variant",
    [OURS, Variant(retries=0), Variant(lost_commits=1), Variant(workers=3)],
    ids=["two workers", "no retries", "a lost commit", "three workers"],
)
def test_no_reachable_state_breaks_a_guarantee(variant: Variant) -> None:
    """Final jobs stay, failures are fenced and paid calls bounded in every state there is."""
    found = explore(variant)
    assert (found.violation, found.trace) == (None, ())
    assert found.states > 1000


@pytest.mark.parametrize(
    ("variant", "violation"),
    [
        (Variant(fence="none"), "a final job changed"),
        (Variant(fence="processing"), "a worker without the lease ended another's attempt"),
        (Variant(reaper="snapshot"), "the reaper took a job that was not lapsed any more"),
        (
            Variant(tokens="counter", lost_commits=1),
            "a worker without the lease ended another's attempt",
        ),
        (Variant(ledger=False), "paid more often than max_retries + 1"),
    ],
    ids=["by id", "by state", "snapshot reaper", "counter and lost commit", "no ledger"],
)
def test_a_weaker_protocol_breaks_one(variant: Variant, violation: str) -> None:
    """Without each of its guards the model finds the known bug, so it can find bugs."""
    found = explore(variant)
    assert found.violation == violation
    assert found.trace


@pytest.mark.parametrize("seed", range(4))
async def test_the_functions_answer_like_the_model(database_url: str, seed: int) -> None:
    """Random runs of the model, replayed on the SQL functions, get the same answers and rows."""
    random = Random(seed)
    acts = await Acts.open(database_url)
    for _ in range(40):
        await acts.clear()
        replay = Replay(acts)
        await replay.start()
        for step, state in walk(OURS, random, 30):
            assert await replay.take(step) == step.answer, (step, state)
            facts = await acts.facts(replay.job)
            assert (facts.status, facts.unanswered) == (state.row.status, state.intents)
    await acts.close()


class Replay:
    """Does the model's steps for real, with the token that each worker was given."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._tokens: dict[int, UUID | None] = {}

    async def start(self) -> None:
        self.job = await self._acts.enqueue(OURS.retries)

    async def take(self, step: Step) -> object:
        """The queue's answer to the step."""
        match step.act:
            case "claim":
                claims = await self._acts.claim()
                self._tokens[step.who] = claims.get(self.job)
                return self.job in claims
            case "heartbeat" | "begin":
                return await getattr(self._acts, step.act)(self.job, self._tokens[step.who])
            case "completed" | "failed" | "released":
                token = self._tokens[step.who]
                return (await self._acts.settle(self.job, token, step.act))[0]
            case "cancel" | "expire":
                return await getattr(self._acts, step.act)(self.job)
            case "reap":
                return await self._acts.reap()
        return None
