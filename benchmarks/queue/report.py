"""The run as a table, a picture and a file for programs."""

import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.queue.plan import PICK_UP, Plan
from benchmarks.queue.results import Book, Verdict
from benchmarks.queue.sides import BARE, NAMES, OURS, PGQUEUER

TITLES = dict(zip(NAMES, ("ours", "bare SQL", "PgQueuer", "Procrastinate"), strict=True))
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def facts(settings: dict[str, str]) -> dict[str, object]:
    """Where the figures come from."""
    packages = ("prompt-queue", "asyncpg", "uvloop", "pgqueuer", "procrastinate", "psycopg")
    return {
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "postgresql": settings,
        "packages": {name: _version(name) for name in packages},
    }


def rows(book: Book, plan: Plan) -> list[tuple[str, float, str]]:
    """Label, quantile and metric of each line of the table."""
    spread = {PICK_UP, plan.status_read}
    found = []
    for metric in book.metrics():
        shares = SHARES if metric in spread else {"": 0.5}
        found += [(f"{metric} {word}".strip(), share, metric) for word, share in shares.items()]
    return found


def print_tables(console: Console, book: Book, plan: Plan, verdicts: Sequence[Verdict]) -> None:
    """Figures, then goals."""
    table = Table("median of rounds", *TITLES.values(), "ours/PgQueuer", "ours/bare")
    for label, share, metric in rows(book, plan):
        cells = [number(book.of(metric, name, share)) for name in NAMES]
        ratios = [book.ratio((metric, OURS), (metric, name), share) for name in (PGQUEUER, BARE)]
        table.add_row(label, *cells, *map(number, ratios))
    console.print(table)
    print_verdicts(console, verdicts)


def print_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Each goal, its figure, and whether it is met."""
    table = Table("goal", "bound", "figure", "")
    for verdict in verdicts:
        sign = "≤" if verdict.at_most else "≥"
        word = {True: "met", False: "[bold]missed[/bold]", None: "not measured"}[verdict.met]
        table.add_row(verdict.name, f"{sign} {verdict.bound:g}", number(verdict.figure), word)
    console.print(table)


def write_results(
    path: Path, book: Book, plan: Plan, verdicts: Sequence[Verdict], known: dict[str, object]
) -> None:
    """Every round of every figure, medians, goals, and where it was measured."""
    medians = {
        label: {
            name: figure for name in NAMES if (figure := book.of(metric, name, share)) is not None
        }
        for label, share, metric in rows(book, plan)
    }
    text = json.dumps(
        {
            "measured_on": known,
            "figures": medians,
            "goals": [verdict.as_json() for verdict in verdicts],
            "rounds": book.as_json(),
        },
        indent=1,
    )
    path.write_text(text + "\n")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def number(value: float | None) -> str:
    """Three digits that matter; a dash for nothing."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
