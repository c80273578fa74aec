"""What the benchmark makes of its figures."""

import pytest
from benchmarks.live.figures import GOALS, Figures, judged
from benchmarks.queue.goals import goals
from benchmarks.queue.plan import QUICK, Plan
from benchmarks.queue.report import rows
from benchmarks.queue.results import Book, Goal, judge, quantile
from benchmarks.queue.sides import MIXED, ONE_USER, OURS, PGQUEUER


def test_a_quantile_is_one_of_the_values() -> None:
    """By rank, and never beyond the last."""
    values = [float(n) for n in range(100, 0, -1)]

    assert [quantile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 51, 100, 100]


def test_a_ratio_is_one_of_medians_so_that_one_bad_round_does_not_count() -> None:
    book = Book()
    book.add("drain", OURS, 120, 1, 130)
    book.add("drain", PGQUEUER, 100, 100, 9)

    assert book.ratio(("drain", OURS), ("drain", PGQUEUER)) == 1.2


def test_what_was_not_measured_has_no_ratio_and_meets_no_goal() -> None:
    book = Book()
    book.add("drain", OURS, 120)

    verdict = judge(book, [Goal("g", lambda b: b.ratio(("drain", OURS), ("drain", "x")), 1.0)])[0]

    assert (verdict.figure, verdict.met) == (None, None)


@pytest.mark.parametrize(
    ("figure", "at_most", "met"),
    [(1.0, False, True), (0.99, False, False), (1.0, True, True), (1.01, True, False)],
)
def test_a_goal_is_met_at_its_bound_and_missed_beyond(
    figure: float, at_most: bool, met: bool
) -> None:
    verdict = judge(Book(), [Goal("g", lambda _: figure, 1.0, at_most)])[0]

    assert verdict.met is met


@pytest.mark.parametrize("plan", [Plan(), QUICK])
def test_every_goal_is_judged_in_a_complete_run(plan: Plan) -> None:
    """No goal asks for a figure under a name that nothing is written down under."""
    from benchmarks.queue import plan as figures

    names = [value for name, value in vars(figures).items() if name.isupper() and name != "QUICK"]
    names = [name for name in names if name != figures.ONE_USER]
    names += [figures.WAL + figures.ONE_USER, plan.status_read]
    names += [plan.drain(1), plan.drain(2), plan.deep(0), plan.deep(1)]
    book = Book()
    for name in names:
        for side in (OURS, PGQUEUER, "bare_sql"):
            book.add(name, side, 1.0)

    assert [verdict.name for verdict in judge(book, goals(plan)) if verdict.met is None] == []


def test_waits_are_shown_by_quantile_and_rates_by_median() -> None:
    plan, book = Plan(), Book()
    book.add(plan.status_read, OURS, 1.0)
    book.add(plan.drain(1), OURS, 1.0)

    assert [share for _, share, _ in rows(book, plan)] == [0.5, 0.95, 0.99, 0.5]


def test_users_and_priorities_are_mixed_evenly() -> None:
    """Each user has each priority once before any pair comes again."""
    pairs = {MIXED.of(number) for number in range(10_000)}

    assert len(pairs) == 10_000
    assert {ONE_USER.of(number) for number in range(10)} == {(0, 5)}


def test_what_streams_cost_is_held_against_the_goals() -> None:
    """At the bound a goal is met; figures without a goal are shown all the same."""
    names = [name for name in Figures.__slots__ if name not in {"watchers", "events"}]
    figures = Figures(watchers=1000, events=9, **dict.fromkeys(names, 64.0))
    found = {name: (goal, met) for name, _, goal, met in judged(figures)}

    assert set(found) == set(figures.known())
    assert {name for name, (goal, _) in found.items() if goal is not None} == set(GOALS)
    assert found["watcher_kb"] == (64.0, "met")
    assert found["p50_ms"] == (None, "")
    slow = Figures(watchers=1000, events=9, **dict.fromkeys(names, 250.1))
    assert "missed" in {met for *_, met in judged(slow)}
