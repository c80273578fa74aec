"""Why a job waits: each reason from its facts."""

from datetime import UTC, datetime, timedelta

import pytest

from prompt_queue.jobs.waiting import (
    Hold,
    ModelState,
    Standing,
    Surroundings,
    WaitCode,
    first_hold,
    waiting_reason,
    waits_for_prompt,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
AROUND = Surroundings(now=NOW, workers=1)
READY = Standing(state="ready", position=3)


def test_without_any_trouble_it_waits_its_turn() -> None:
    found = waiting_reason(READY, AROUND)
    assert (found.code, found.until, found.detail) == ("position", None, "3 jobs come first.")
    assert waiting_reason(Standing(state="ready"), AROUND).detail == "It is the next one."
    many = Standing(state="ready", position=5000, is_exact=False)
    assert waiting_reason(many, AROUND).detail == "About 5000 jobs come first."


@pytest.mark.parametrize(
    ("place", "around", "code", "until"),
    [
        (READY, Surroundings(now=NOW, workers=0, queue_paused=True), "paused", None),
        (Standing(state="capped"), AROUND, "user_cap", None),
        (Standing(state="delayed", follows=True), AROUND, "waiting_prompt", None),
        (READY, Surroundings(now=NOW, workers=0), "no_worker", None),
        (READY, Surroundings(now=NOW, workers=1, hold=Hold(WaitCode.RATE_GATE, 30, "m")),
         "rate_gate", LATER),
        (READY, Surroundings(now=NOW, workers=1, hold=Hold(WaitCode.BREAKER_OPEN, None, "m")),
         "breaker_open", None),
        (READY, Surroundings(now=NOW, workers=1, hold=Hold(WaitCode.PAUSED, None, "m")),
         "paused", None),
    ],
)  # fmt: skip
def test_what_would_have_to_go_first(
    place: Standing, around: Surroundings, code: str, until: datetime | None
) -> None:
    """Each says in a sentence what would let the job go on."""
    found = waiting_reason(place, around)
    assert (found.code, found.until) == (code, until)
    assert found.detail.endswith((".", "`."))


@pytest.mark.parametrize(
    ("error_code", "code"),
    [
        ("rate_limited", "rate_gate"), ("breaker_open", "breaker_open"), ("model_paused", "paused"),
        ("retry_budget", "budget"), ("out_of_credit", "budget"), ("misconfigured", "breaker_open"),
        ("provider_unavailable", "backoff"), (None, "backoff"),
    ],
)  # fmt: skip
def test_a_delay_has_the_reason_of_what_caused_it(error_code: str | None, code: str) -> None:
    place = Standing(state="delayed", next_attempt_at=LATER, error_code=error_code)
    found = waiting_reason(place, AROUND)
    assert (found.code, found.until) == (code, LATER)


def test_a_limited_model_is_waited_for_and_a_broken_one_passed_over() -> None:
    broken = ModelState(model="a", is_open=True, open_seconds=9)
    paused = ModelState(model="b", paused=True)
    limited = ModelState(model="c", limited_seconds=4)
    fine = ModelState(model="d")
    assert first_hold([fine, broken]) is None
    assert first_hold([broken, paused, fine]) is None
    assert first_hold([broken, limited, fine]) == Hold(WaitCode.RATE_GATE, 4, "c")
    assert first_hold([paused, broken]) == Hold(WaitCode.BREAKER_OPEN, 9, "a")
    assert first_hold([paused]) == Hold(WaitCode.PAUSED, None, "b")
    assert first_hold([ModelState(model="e", is_open=True, open_seconds=0)]) is None
    assert first_hold([]) is None


def test_a_picture_tells_what_its_prompt_waits_for() -> None:
    found = waits_for_prompt(waiting_reason(READY, AROUND))
    assert (found.code, "3 jobs come first." in found.detail) == ("waiting_prompt", True)
    assert waits_for_prompt(None).code == "waiting_prompt"
