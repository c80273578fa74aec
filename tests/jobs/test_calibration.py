"""Promises are corrected by how earlier ones turned out."""

import random
from collections.abc import Callable
from statistics import NormalDist

import pytest

from prompt_queue.jobs.calibration import Calibration, Scored, calibrate

WAIT = 10.0
DICE = random.Random(1)


def played(draw: Callable[[], float], rounds: int) -> list[Scored]:
    """Each promise is made with what was known, and put to the test; the newest first."""
    known: list[Scored] = []
    for _ in range(rounds):
        error = draw()
        known.insert(0, Scored(WAIT, error, error <= calibrate(known, WAIT).p90))
    return known


def test_who_knows_nothing_believes_in_a_bell_curve() -> None:
    found = calibrate([], WAIT)
    assert abs(found.median) < 0.01
    assert abs(found.p90 - NormalDist().inv_cdf(0.9)) < 0.2
    assert Calibration().median == 0


@pytest.mark.parametrize(
    "draw",
    [lambda: DICE.gauss(3, 0.5), lambda: DICE.expovariate(1.0), DICE.random],
    ids=["late", "lopsided", "early"],
)
def test_nine_of_ten_are_kept_whatever_the_errors_are_like(draw: Callable[[], float]) -> None:
    """Also where they are lopsided and far from what was expected."""
    known = played(draw, 800)
    kept = sum(one.kept for one in known[:600]) / 600
    assert 0.85 <= kept <= 0.97


def test_it_widens_when_it_was_wrong_and_narrows_again() -> None:
    calm = [Scored(WAIT, 0.0, kept=True)] * 60
    wrong = [Scored(WAIT, 4.0, kept=False)] * 20 + calm
    assert calibrate(wrong, WAIT).p90 >= 4 > calibrate(calm, WAIT).p90
    mended = [Scored(WAIT, 0.0, kept=True)] * 60 + wrong
    assert calibrate(mended, WAIT).p90 < 1


def test_waits_of_another_length_teach_nothing() -> None:
    """What was learned in the calm is not believed of a crowd, nor the other way round."""
    short = [Scored(0.1, -1.0, kept=True)] * 60
    assert calibrate(short, 100.0) == calibrate([], 100.0)
    assert calibrate(short, 0.2).median == -1.0


def test_one_shock_does_not_stretch_all_that_follows_without_end() -> None:
    shock = [Scored(WAIT, 1e6, kept=False)] * 60
    assert calibrate(shock, WAIT).p90 == 5.0
