"""The soak over time, with the snapshot's time shaded."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.queue.results import quantile
from benchmarks.soak.samples import Phase, Sample

mpl.use("Agg")
from matplotlib import pyplot as plt

WINDOW = 10


def draw(path: Path, samples: Sequence[Sample]) -> None:
    """Write a PNG."""
    seconds = [sample.second for sample in samples]
    panels = {
        f"claim p99 of {WINDOW} s, ms": claims_over_time(samples),
        "jobs waiting": [sample.backlog for sample in samples],
        "dead rows": [sample.dead_rows for sample in samples],
        "largest worker, MB": [sample.memory for sample in samples],
        "file descriptors": [sample.descriptors for sample in samples],
        "connections": [sample.connections for sample in samples],
    }
    held = [sample.second for sample in samples if sample.phase is Phase.HELD]
    figure, axes = plt.subplots(3, 2, figsize=(12, 9), sharex=True, layout="constrained")
    for axis, (title, values) in zip(axes.flat, panels.items(), strict=True):
        axis.plot(seconds, values, color="#2b6cb0", linewidth=1)
        if held:
            axis.axvspan(held[0], held[-1], color="#fbd38d", alpha=0.4)
        axis.set_title(title, fontsize=10)
        axis.set_ylim(bottom=0)
    for axis in axes[-1]:
        axis.set_xlabel("seconds; a snapshot is held open while shaded", fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def claims_over_time(samples: Sequence[Sample]) -> list[float]:
    """For each sample the p99 of the claims around it; nan where there were none."""
    found = []
    for number in range(len(samples)):
        around = samples[max(0, number - WINDOW + 1) : number + 1]
        claims = [claim for sample in around for claim in sample.claims]
        found.append(quantile(claims, 0.99) if claims else float("nan"))
    return found
