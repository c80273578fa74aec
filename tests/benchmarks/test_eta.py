"""What the benchmark of waits makes of its figures."""

import random

from benchmarks.eta.figures import Kept, figures, gradio
from benchmarks.eta.load import PHASES, SLOTS, arrivals


def job(made: float, began: float, ended: float, position: int = 0, p90: float = 10.0) -> Kept:
    return Kept(
        phase="calm", made=made, began=began, ended=ended, position=position,
        start_p50=1.0, start_p90=p90, done_p50=4.0, done_p90=p90,
    )  # fmt: skip


def test_a_promise_holds_up_to_its_second() -> None:
    """Start and end are judged apart; the error is by what it took."""
    found = figures([job(0, 10, 10), job(0, 10, 20), job(0, 11, 20)], [])
    assert (found.jobs, found.starts, found.ends) == (3, 2 / 3, 1 / 3)
    assert found.error == (20 - 4) / 20


def test_the_other_formula_knows_what_had_ended_by_then() -> None:
    known = [job(0, 0, 2), job(0, 2, 6), job(0, 0, 100)]
    assert gradio(job(7, 8, 9, position=7), known) == 3.0 * 8 / SLOTS
    assert gradio(job(1, 8, 9, position=7), known) == 0.0


def test_a_load_is_the_same_each_time() -> None:
    for phase in PHASES:
        first = list(arrivals(phase, random.Random(1)))
        assert first == list(arrivals(phase, random.Random(1)))
        assert len(first) >= phase.burst
        assert all(0 <= at < phase.seconds for at, _ in first)
