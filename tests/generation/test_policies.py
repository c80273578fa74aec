"""Each class of failure has one policy, and it decides what becomes of the job."""

import math
from collections.abc import Iterator
from uuid import uuid4

import pytest

from prompt_queue.jobs.backoff import RetryPolicy
from prompt_queue.jobs.errors import (
    BadInput,
    BreakerOpen,
    Misconfigured,
    ModelPaused,
    ModelUnusable,
    OurBug,
    OutcomeUnknown,
    OutOfCredit,
    PictureUnfetched,
    PromptFailure,
    RateLimited,
    Refused,
    RetryBudget,
    Transient,
    Unanswered,
    WorkerDied,
)
from prompt_queue.jobs.job import Claim, Source
from prompt_queue.jobs.outcome import (
    PARK_SECONDS,
    Done,
    Failed,
    GeneratedPrompt,
    Outcome,
    Postponed,
    Retry,
    decide,
)
from prompt_queue.jobs.policies import POLICIES, Act, may_ask_next_model, policy_of

PAUSES = RetryPolicy(base_delay=1.0, jitter="none")
NO_PAUSES = RetryPolicy(base_delay=0.0, jitter="none")


def claim(retry_count: int = 0) -> Claim:
    return Claim(
        job_id=uuid4(),
        user_id=uuid4(),
        ref_urls=(),
        target_url="https://example.com/a.jpg",
        priority=5,
        retry_count=retry_count,
        max_retries=2,
        lease_token=uuid4(),
    )


def leaves(kind: type[PromptFailure] = PromptFailure) -> Iterator[type[PromptFailure]]:
    for below in kind.__subclasses__():
        if below.__module__ == PromptFailure.__module__:
            yield below
            yield from leaves(below)


def test_every_class_has_a_policy_a_code_and_a_sentence_of_its_own() -> None:
    """None is forgotten in the table, and none is taken for another."""
    assert set(POLICIES) == set(leaves())
    assert len({kind.code for kind in POLICIES}) == len(POLICIES)
    assert len({kind.sentence for kind in POLICIES}) == len(POLICIES)
    assert all(kind.sentence.endswith(".") for kind in POLICIES)


@pytest.mark.parametrize(
    ("failure", "first", "last"),
    [
        (RateLimited(), Postponed(1.0, "", ""), Postponed(4.0, "", "")),
        (RateLimited(retry_after=7.0), Postponed(7.1, "", ""), Postponed(7.4, "", "")),
        (ModelPaused(), Postponed(1.0, "", ""), Postponed(4.0, "", "")),
        (OutOfCredit(), Postponed(PARK_SECONDS, "", ""), Postponed(PARK_SECONDS, "", "")),
        (Transient(), Retry(1.0, "", ""), Failed("", "")),
        (Unanswered(), Retry(1.0, "", ""), Failed("", "")),
        (OurBug(), Retry(1.0, "", ""), Failed("", "")),
        (Misconfigured(), Postponed(PARK_SECONDS, "", ""), Postponed(PARK_SECONDS, "", "")),
        (BreakerOpen(retry_after=7.0), Postponed(7.1, "", ""), Postponed(7.4, "", "")),
        (RetryBudget(retry_after=7.0), Postponed(7.1, "", ""), Postponed(7.4, "", "")),
        (ModelUnusable(), Failed("", ""), Failed("", "")),
        (BadInput(), Failed("", ""), Failed("", "")),
        (PictureUnfetched(), Failed("", ""), Failed("", "")),
        (Refused(), Failed("", ""), Failed("", "")),
        (OutcomeUnknown(), Failed("", ""), Failed("", "")),
        (WorkerDied(), Failed("", ""), Failed("", "")),
    ],
    ids=lambda value: value.code if isinstance(value, PromptFailure) else "",
)
def test_the_class_decides(failure: PromptFailure, first: Outcome, last: Outcome) -> None:
    """With all retries left, and with none."""
    for expected, retry_count in ((first, 0), (last, 2)):
        outcome = decide(claim(retry_count), failure, PAUSES, 0.0)
        assert type(outcome) is type(expected)
        assert (outcome.error, outcome.code) == (str(failure), failure.code)
        assert getattr(outcome, "delay", 0) == pytest.approx(getattr(expected, "delay", 0))


def test_the_last_resort_is_for_when_nothing_more_is_tried() -> None:
    """Never for a refusal or pictures that cannot be used; with retries left it is only carried."""
    prompt = GeneratedPrompt(text="Make it red.", model=None, source=Source.TEMPLATE)
    for kind, policy in POLICIES.items():
        first = decide(claim(0), kind(), PAUSES, 0.0, prompt)
        last = decide(claim(2), kind(), PAUSES, 0.0, prompt)
        carried = prompt if policy.falls_back else None
        if policy.act in {Act.WAIT, Act.PARK}:
            assert (first.fallback, last.fallback) == (carried, carried)
        elif policy.act is Act.RETRY:
            assert (first.fallback, last) == (prompt, Done(prompt, kind.code))
        else:
            ending = Done(prompt, kind.code) if carried else Failed(kind.sentence, kind.code)
            assert (first, last) == (ending, ending)
    never = {kind for kind, policy in POLICIES.items() if not policy.falls_back}
    assert never == {Refused, BadInput, PictureUnfetched, WorkerDied}


@pytest.mark.parametrize(
    ("failure", "with_retries", "without"),
    [
        (ModelUnusable(), True, True),
        (ModelPaused(), True, True),
        (BreakerOpen(), True, True),
        (RetryBudget(), False, False),
        (Transient(), False, True),
        (Unanswered(), False, False),
        (Misconfigured(), False, False),
        (Refused(), False, False),
        (BadInput(), False, False),
        (RateLimited(), False, False),
        (OutOfCredit(), False, False),
        (OurBug(), False, False),
    ],
    ids=lambda value: value.code if isinstance(value, PromptFailure) else "",
)
def test_the_next_model_is_asked_where_it_may_help(
    failure: PromptFailure, with_retries: bool, without: bool
) -> None:
    """Never after a refusal, and never where the first call may be paid for."""
    assert may_ask_next_model(failure, retries_left=True) is with_retries
    assert may_ask_next_model(failure, retries_left=False) is without


def test_a_class_without_a_line_takes_the_one_above() -> None:
    """A subclass of a caller's own is treated like its base."""

    class Slow(Transient):
        """A caller's own."""

    class Silent(Unanswered):
        """Another."""

    assert policy_of(Slow()) is POLICIES[Transient]
    assert policy_of(Silent()) is POLICIES[Unanswered]


@pytest.mark.parametrize(
    ("outage", "patience", "expected"),
    [
        (30.0, 120.0, 7.0),
        (118.0, 120.0, 2.0),
        (120.0, 120.0, None),
        (0.0, 0.0, None),
        (900.0, math.inf, 7.0),
    ],
)
def test_an_outage_is_waited_out_for_a_while(
    outage: float, patience: float, expected: float | None
) -> None:
    """Then whoever may fall back does; until then the wait ends when patience does."""
    prompt = GeneratedPrompt(text="Make it red.", model=None, source=Source.TEMPLATE)
    failure = BreakerOpen(retry_after=7.0, outage_seconds=outage)
    outcome = decide(claim(), failure, NO_PAUSES, 0.0, prompt, patience=patience)
    if expected is None:
        assert outcome == Done(prompt, "breaker_open")
    else:
        assert outcome == Postponed(expected, failure.sentence, "breaker_open", prompt)
    strict = decide(claim(), failure, NO_PAUSES, 0.0, None, patience=patience)
    assert strict == Postponed(7.0, failure.sentence, "breaker_open")


@pytest.mark.parametrize("failure", [Transient(), OutOfCredit(), Misconfigured(), Unanswered()])
def test_a_probe_that_fails_late_in_an_outage_falls_back(failure: PromptFailure) -> None:
    """The job that found out is treated like those that were not let through."""
    prompt = GeneratedPrompt(text="Make it red.", model=None, source=Source.TEMPLATE)
    failure.outage_seconds = 130.0
    assert decide(claim(), failure, PAUSES, 0.0, prompt, patience=120) == Done(prompt, failure.code)


@pytest.mark.parametrize("failure", [OutOfCredit(), Misconfigured()])
def test_whoever_may_fall_back_is_not_parked_beyond_its_patience(failure: PromptFailure) -> None:
    """It looks again when patience is over, and then it is an outage."""
    prompt = GeneratedPrompt(text="Make it red.", model=None, source=Source.TEMPLATE)
    outcome = decide(claim(), failure, NO_PAUSES, 0.0, prompt, patience=120)
    assert outcome == Postponed(120.0, str(failure), failure.code, prompt)


@pytest.mark.parametrize("retry_count", [0, 2])
def test_a_probe_that_fails_uses_up_no_retry(retry_count: int) -> None:
    """Whoever finds out for all others that the model still fails does not pay for it."""
    failure = Transient()
    failure.outage_seconds = 30.0
    outcome = decide(claim(retry_count), failure, PAUSES, 0.0, None, patience=120)
    assert outcome == Postponed(2.0**retry_count, failure.sentence, failure.code)
