"""The main figures as bars, one panel a figure."""

from pathlib import Path

import matplotlib as mpl

from benchmarks.queue.plan import ENQUEUE_MANY, ENQUEUE_ONE, PICK_UP, WAL, Plan
from benchmarks.queue.report import TITLES
from benchmarks.queue.results import Book
from benchmarks.queue.sides import NAMES

mpl.use("Agg")
from matplotlib import pyplot as plt

COLOURS = ("#2b6cb0", "#a0aec0", "#dd6b20", "#718096")
COLUMNS = 4


def draw(path: Path, book: Book, plan: Plan) -> None:
    """Write a PNG."""
    wanted = (
        plan.drain(1),
        plan.drain(2),
        plan.deep(0),
        plan.deep(1),
        ENQUEUE_ONE,
        ENQUEUE_MANY,
        PICK_UP,
        WAL,
    )
    shown = [metric for metric in wanted if metric in book.metrics()]
    lines = -(-len(shown) // COLUMNS)
    figure, axes = plt.subplots(
        lines, COLUMNS, figsize=(4 * COLUMNS, 3 * lines), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(shown) :]:
        axis.set_axis_off()
    for axis, metric in zip(axes.flat, shown, strict=False):
        values = [book.of(metric, name) or 0.0 for name in NAMES]
        bars = axis.bar([TITLES[name] for name in NAMES], values, color=COLOURS)
        axis.bar_label(
            bars, [f"{value:,.0f}" if value > 20 else f"{value:.2g}" for value in values]
        )
        axis.set_title(metric, fontsize=9)
        axis.tick_params(axis="x", labelsize=8)
        axis.margins(y=0.15)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
