"""The circuit breaker and the retry budget of each model: SQL that all workers share."""

import asyncio
from collections.abc import Sequence
from itertools import chain
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.jobs.job import Claim
from prompt_queue.jobs.outcome import CallEnd, Done, GeneratedPrompt
from prompt_queue.jobs.policies import Sign
from prompt_queue.store.database import Database
from prompt_queue.store.model_store import ModelHealth, ModelStore
from prompt_queue.store.operator_store import OperatorStore
from prompt_queue.store.prompt_store import JsonObject, PromptStore, Ruling
from prompt_queue.store.rows import outcome_as_json
from tests.store.test_claim_and_settle import enqueue

MODEL = "grok-4.7"
CODES = {Sign.BAD: "provider_unavailable", Sign.TRIP: "out_of_credit"}


class Provider:
    """Asks the ledger for calls, and tells it how they ended."""

    def __init__(self, database: Database, row: UUID) -> None:
        self.database = database
        self.row = row
        self.store = PromptStore(database)
        self.models = ModelStore(database)

    async def claim(self, count: int = 1) -> list[Claim]:
        for _ in range(count):
            await enqueue(self.database, self.row, max_retries=100)
        return await self.store.claim(count, "w", 30)

    @staticmethod
    def call(claim: Claim, model: str = MODEL, **values: object) -> JsonObject:
        return {
            "call_id": str(uuid4()),
            "job_id": str(claim.job_id),
            "lease_token": str(claim.lease_token),
            "model": model,
            "retry_count": 0,
        } | values

    async def ask(self, *calls: JsonObject) -> list[Ruling]:
        rulings = await self.store.begin_calls(calls)
        return [rulings[UUID(call["call_id"])] for call in calls]

    async def end(self, *signs: Sign, claim: Claim | None = None) -> None:
        """As many calls as signs, sent and ended so."""
        (claim,) = [claim] if claim else await self.claim()
        calls = [self.call(claim) for _ in signs]
        assert {ruling.verdict for ruling in await self.ask(*calls)} == {"granted"}
        await self.tell(calls, signs)

    async def tell(self, calls: Sequence[JsonObject], signs: Sequence[Sign]) -> None:
        await self.store.end_calls(
            [
                CallEnd(UUID(call["call_id"]), True, 200, CODES.get(sign), sign=sign)
                for call, sign in zip(calls, signs, strict=True)
            ]
        )

    async def health(self, model: str = MODEL) -> ModelHealth:
        (found,) = [health for health in await self.models.models() if health.model == model]
        return found

    async def cool_off(self) -> None:
        """Let the cool-off be over."""
        connection = await asyncpg.connect(self.database.dsn)
        await connection.execute(
            "update public.prompt_model_health set open_until = clock_timestamp() "
            "where open_until is not null"
        )
        await connection.close()


@pytest.fixture
def provider(database: Database, demo: UUID) -> Provider:
    return Provider(database, demo)


@pytest.mark.parametrize(
    ("signs", "state"),
    [
        ([Sign.BAD] * 4, "closed"),
        ([Sign.BAD] * 5, "open"),
        ([Sign.GOOD] * 6 + [Sign.BAD] * 5, "closed"),
        ([Sign.GOOD] * 5 + [Sign.BAD] * 5, "open"),
        ([Sign.TRIP], "open"),
        ([Sign.NONE] * 9, None),
    ],
    ids=["few", "many", "less than half", "half", "no credit", "says nothing"],
)
async def test_it_opens_by_a_share_of_enough_calls_and_at_once_for_what_no_call_can_mend(
    provider: Provider, signs: list[Sign], state: str | None
) -> None:
    """Five calls at least, half of them faults; a wrong key or no credit is enough alone."""
    await provider.end(*signs)
    found = [health.state for health in await provider.models.models()]
    assert found == ([state] if state else [])


async def test_nobody_asks_a_model_that_is_open(provider: Provider) -> None:
    """The call is not in the ledger, the wait is told, and other models are not touched."""
    claim, other = await provider.claim(2)
    await provider.end(Sign.TRIP, claim=claim)
    spent = len(await provider.store.calls(claim.job_id))
    here, there = await provider.ask(provider.call(claim), provider.call(other, "grok-4.6"))
    assert (here.verdict, there.verdict) == ("breaker_open", "granted")
    assert 15 <= here.wait_seconds <= 30
    assert here.outage_seconds >= 0
    assert (there.wait_seconds, there.outage_seconds) == (None, None)
    assert len(await provider.store.calls(claim.job_id)) == spent
    health = await provider.health()
    assert (health.cause, health.by_hand) == ("out_of_credit", False)


async def test_one_call_finds_out_whether_the_model_works_again(provider: Provider) -> None:
    """Of many that ask at once, in one group and in several, exactly one is let through."""
    await provider.end(*[Sign.BAD] * 5)
    await provider.cool_off()
    assert (await provider.health()).state == "half_open"
    claims = await provider.claim(12)
    groups = [[provider.call(claim) for claim in claims[n : n + 3]] for n in range(0, 12, 3)]
    rulings = await asyncio.gather(*(provider.ask(*group) for group in groups))
    words = sorted(ruling.verdict for group in rulings for ruling in group)
    assert words == ["breaker_open"] * 11 + ["granted"]
    flat = zip(chain(*groups), chain(*rulings), strict=True)
    ((probe, ruling),) = [(call, r) for call, r in flat if r.verdict == "granted"]
    assert ruling.outage_seconds is not None
    await provider.tell([probe], [Sign.GOOD])
    assert (await provider.health()).state == "closed"
    assert [r.verdict for r in await provider.ask(provider.call(claims[0]))] == ["granted"]


async def test_a_probe_that_fails_opens_it_for_longer(provider: Provider) -> None:
    """The cool-off doubles up to a minute; the outage is counted from its beginning."""
    await provider.end(*[Sign.BAD] * 5)
    began = (await provider.health()).open_seconds
    for longest in (10, 20, 40, 60, 60):
        await provider.cool_off()
        await provider.end(Sign.BAD)
        health = await provider.health()
        assert longest / 2 - 1 <= health.wait_seconds <= longest
        assert health.open_seconds > began
    acts = [(act.actor, act.act, act.reason) for act in await provider.models.acts(10)]
    assert acts == [("breaker", "opened", "provider_unavailable")]


async def test_a_probe_whose_worker_died_does_not_keep_the_model_shut(provider: Provider) -> None:
    """The probe lasts as long as the lease of its job, and no longer."""
    await provider.end(*[Sign.BAD] * 5)
    await provider.cool_off()
    dying, heir = await provider.claim(2)
    assert (await provider.ask(provider.call(dying)))[0].verdict == "granted"
    assert (await provider.ask(provider.call(heir)))[0].verdict == "breaker_open"
    prompt = Done(GeneratedPrompt(text="Paint it.", model=MODEL))
    await provider.store.settle([outcome_as_json(dying, prompt)])
    assert (await provider.ask(provider.call(heir)))[0].verdict == "granted"


async def test_a_probe_without_a_verdict_lets_another_try(provider: Provider) -> None:
    """A rate limit or an interruption says neither that it works nor that it does not."""
    await provider.end(*[Sign.BAD] * 5)
    await provider.cool_off()
    await provider.end(Sign.NONE)
    assert (await provider.health()).state == "half_open"
    await provider.end(Sign.GOOD)
    assert (await provider.health()).state == "closed"


async def test_late_answers_do_not_close_it(provider: Provider) -> None:
    """What left before it opened says nothing of the present."""
    early, claim = await provider.claim(2)
    late = provider.call(early)
    await provider.ask(late)
    await provider.end(Sign.TRIP, claim=claim)
    await provider.tell([late], [Sign.GOOD])
    assert (await provider.health()).state == "open"


async def test_by_hand_it_stays_as_it_was_set(provider: Provider) -> None:
    """Opened by hand it asks for no probe; closed by hand, its faults are forgotten. Audited."""
    (claim,) = await provider.claim()
    hand = {"seconds": None, "reason": "too dear", "actor": "cli:ada"}
    assert await provider.models.set_breaker(MODEL, is_open=True, **hand)
    assert not await provider.models.set_breaker(MODEL, is_open=True, **hand)
    await provider.cool_off()
    (ruling,) = await provider.ask(provider.call(claim))
    assert (ruling.verdict, ruling.wait_seconds) == ("breaker_open", None)
    health = await provider.health()
    assert (health.state, health.by_hand, health.cause) == ("open", True, "too dear")
    assert await provider.models.set_breaker(MODEL, is_open=False, **hand)
    assert not await provider.models.set_breaker(MODEL, is_open=False, **hand)
    await provider.end(*[Sign.BAD] * 4, claim=claim)
    assert (await provider.health()).state == "closed"
    acts = [(act.actor, act.act, act.model, act.reason) for act in await provider.models.acts(9)]
    assert acts == [
        ("cli:ada", "closed", MODEL, "too dear"), ("cli:ada", "opened", MODEL, "too dear"),
    ]  # fmt: skip


async def test_opened_for_a_time_it_is_tried_afterwards(provider: Provider) -> None:
    """`seconds` by hand is a cool-off."""
    await provider.models.set_breaker(MODEL, is_open=True, seconds=60, reason=None, actor="a")
    assert 55 < (await provider.health()).wait_seconds <= 60
    await provider.cool_off()
    await provider.end(Sign.GOOD)
    health = await provider.health()
    assert (health.state, health.by_hand) == ("closed", False)


async def test_pauses_are_audited_too(provider: Provider, database: Database) -> None:
    """Only what changed something is noted."""
    operator = OperatorStore(database)
    for _ in range(2):
        await operator.pause(None, "repairs", "cli:ada")
    for _ in range(2):
        await operator.resume(None, "cli:bob")
    acts = [(act.actor, act.act, act.model, act.reason) for act in await provider.models.acts(9)]
    assert acts == [("cli:bob", "resumed", None, None), ("cli:ada", "paused", None, "repairs")]


async def test_retries_have_a_budget(provider: Provider) -> None:
    """Twenty at once; then a tenth of what succeeds. First attempts are never held back."""
    await provider.end(Sign.GOOD)
    claims = await provider.claim(30)
    rulings = await provider.ask(*(provider.call(claim, retry_count=1) for claim in claims))
    words = [ruling.verdict for ruling in rulings]
    assert words.count("granted") == 20
    assert words.count("retry_budget") == 10
    assert (await provider.ask(provider.call(claims[0])))[0].verdict == "granted"
    await provider.end(*[Sign.GOOD] * 50, claim=claims[0])
    again = await provider.ask(*(provider.call(claim, retry_count=2) for claim in claims))
    granted = [ruling.verdict for ruling in again].count("granted")
    # Ten seconds of a slow machine bring five more.
    assert 5 <= granted <= 10


async def test_a_worker_that_knows_of_no_breaker_sees_a_pause(provider: Provider) -> None:
    """An older version would take a word that it does not know for a grant."""
    (claim,) = await provider.claim()
    await provider.end(Sign.TRIP, claim=claim)
    call = provider.call(claim)
    del call["retry_count"]
    assert (await provider.ask(call))[0].verdict == "model_paused"


async def test_answers_of_another_model_are_counted(provider: Provider) -> None:
    """Per model that was asked."""
    (claim,) = await provider.claim()
    calls = [provider.call(claim) for _ in range(3)]
    await provider.ask(*calls)
    ids = [UUID(call["call_id"]) for call in calls]
    ends = [CallEnd(call_id, True, 200, sign=Sign.GOOD, redirected=True) for call_id in ids[:2]]
    await provider.store.end_calls([*ends, CallEnd(ids[2], True, 200, sign=Sign.GOOD)])
    await provider.store.end_calls(ends)
    assert (await provider.health()).redirected == 2


async def test_what_the_provider_lists_is_noted(provider: Provider) -> None:
    """Until every model was looked up lately, nothing is known."""
    both = (MODEL, "grok-gone")
    assert await provider.models.listed(both, 60) is None
    await provider.models.note_listed(both, {MODEL, "grok-other"})
    assert await provider.models.listed(both, 60) == {MODEL}
    assert await provider.models.listed(both, 0) is None
    assert await provider.models.listed((*both, "grok-new"), 60) is None
    assert (await provider.health("grok-gone")).listed is False


@pytest.mark.parametrize("seconds", [0, -1])
async def test_a_cool_off_of_no_time_is_refused(provider: Provider, seconds: float) -> None:
    """By the function itself, whoever calls it."""
    with pytest.raises(Exception, match="more than 0 seconds"):
        await provider.models.set_breaker(
            MODEL, is_open=True, seconds=seconds, reason=None, actor="a"
        )
