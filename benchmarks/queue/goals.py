"""How fast ours shall be: ratios within one run, which hold on any machine, and few absolutes."""

from collections.abc import Callable

from benchmarks.queue import plan as figures
from benchmarks.queue.plan import Plan
from benchmarks.queue.results import Book, Goal
from benchmarks.queue.sides import BARE, OURS, PGQUEUER

Figure = Callable[[Book], float | None]


def goals(plan: Plan) -> list[Goal]:
    """All goals, in the order of the table."""
    first = plan.drain(1)
    found = [
        Goal("single enqueue / PgQueuer", _against(figures.ENQUEUE_ONE, PGQUEUER), 1.0),
        Goal("bulk enqueue / PgQueuer", _against(figures.ENQUEUE_MANY, PGQUEUER), 0.45),
        Goal("bulk enqueue / bare SQL", _against(figures.ENQUEUE_MANY, BARE), 0.2),
        Goal("drain, 1 process / PgQueuer", _against(first, PGQUEUER), 1.2),
        Goal("drain, 2 processes / PgQueuer", _against(plan.drain(2), PGQUEUER), 1.2),
    ]
    for number, depth in enumerate(plan.depths):
        metric = plan.deep(number)
        found += [
            Goal(f"drain at {depth:,} / PgQueuer", _against(metric, PGQUEUER), 1.2),
            Goal(f"drain at {depth:,} / ours at {plan.jobs:,}", _kept(metric, first), 0.75),
        ]
    pick_up, wal = figures.PICK_UP, figures.WAL
    strict = wal + figures.ONE_USER
    return [
        *found,
        Goal("pick-up p50 / bare SQL", _against(pick_up, BARE), 1.5, at_most=True),
        Goal("pick-up p99 / bare SQL", _against(pick_up, BARE, 0.99), 3.0, at_most=True),
        Goal("pick-up p50 / PgQueuer", _against(pick_up, PGQUEUER), 1.0, at_most=True),
        Goal("pick-up p99 / PgQueuer", _against(pick_up, PGQUEUER, 0.99), 1.0, at_most=True),
        Goal("WAL of a drained job / PgQueuer", _against(wal, PGQUEUER), 1.0, at_most=True),
        Goal("the same, one user / PgQueuer", _against(strict, PGQUEUER), 1.0, at_most=True),
        Goal("transactions of a drained job", _own(figures.TRANSACTIONS), 0.02, at_most=True),
        Goal("status read p99, ms", _own(plan.status_read, 0.99), 2.0, at_most=True),
        Goal("worker's memory - PgQueuer's, MB", _more_memory, 20.0, at_most=True),
    ]


def _against(metric: str, other: str, share: float = 0.5) -> Figure:
    return lambda book: book.ratio((metric, OURS), (metric, other), share)


def _own(metric: str, share: float = 0.5) -> Figure:
    return lambda book: book.of(metric, OURS, share)


def _kept(metric: str, first: str) -> Figure:
    return lambda book: book.ratio((metric, OURS), (first, OURS))


def _more_memory(book: Book) -> float | None:
    ours, theirs = book.of(figures.MEMORY, OURS), book.of(figures.MEMORY, PGQUEUER)
    return None if ours is None or theirs is None else ours - theirs
