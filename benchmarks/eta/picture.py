"""What was said and what came, job by job."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.eta.figures import Kept, gradio


def draw(path: Path, jobs: Sequence[Kept]) -> None:
    """Write a PNG: waits over the time at which they were promised."""
    first = min(job.made for job in jobs)
    ordered = sorted(jobs, key=lambda job: job.made)
    at = [job.made - first for job in ordered]
    figure, axis = plt.subplots(figsize=(10, 4.5), layout="constrained")
    axis.fill_between(
        at, [job.done_p50 for job in ordered], [job.done_p90 for job in ordered],
        color="#90cdf4", label="promised: median to nine of ten", linewidth=0,
    )  # fmt: skip
    axis.plot(at, [gradio(job, jobs) for job in ordered], color="#dd6b20", linewidth=0.9,
              label="mean x rank / concurrency")  # fmt: skip
    axis.scatter(at, [job.took for job in ordered], s=5, color="#1a202c", label="what it took")
    axis.set_ylim(0, 1.3 * max(job.took for job in jobs))
    for name in dict.fromkeys(job.phase for job in ordered):
        begins = min(job.made for job in ordered if job.phase == name) - first
        axis.axvline(begins, color="#a0aec0", linewidth=0.6)
        axis.text(begins + 1, axis.get_ylim()[1], name, fontsize=7, va="top", rotation=90)
    axis.set_xlabel("seconds into the run")
    axis.set_ylabel("seconds until the prompt was there")
    axis.legend(loc="upper right", fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
