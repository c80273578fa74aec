"""From what was promised and what happened to figures. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from benchmarks.eta.load import SLOTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One job: seconds from its promise; `made`, `began` and `ended` are on one clock."""

    phase: str
    made: float
    began: float
    ended: float
    position: int
    start_p50: float
    start_p90: float
    done_p50: float
    done_p90: float

    @property
    def took(self) -> float:
        """From promise to end."""
        return self.ended - self.made


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Shares from 0 to 1: p90s that held, and the median of |actual - estimate| / actual."""

    jobs: int
    starts: float
    ends: float
    error: float
    gradio: float


def gradio(job: Kept, known: Sequence[Kept]) -> float:
    """Gradio's estimate of the wait until the end (gradio/queueing.py, version 5).

    The mean process time of all that has ended, times the rank, by the concurrency.
    """
    ended = [one.ended - one.began for one in known if one.ended <= job.made]
    return (fmean(ended) if ended else 0.0) * (job.position + 1) / SLOTS


def figures(jobs: Sequence[Kept], known: Sequence[Kept]) -> Figures:
    """Of these jobs; `known` are all of the run."""
    return Figures(
        jobs=len(jobs),
        starts=fmean(job.began - job.made <= job.start_p90 for job in jobs),
        ends=fmean(job.took <= job.done_p90 for job in jobs),
        error=median(abs(job.took - job.done_p50) / job.took for job in jobs),
        gradio=median(abs(job.took - gradio(job, known)) / job.took for job in jobs),
    )
