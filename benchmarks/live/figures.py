"""The figures of a run, and what they are held against."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

GOALS = {"p99_ms": 250.0, "watcher_kb": 64.0, "watcher_kb_loaded": 64.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Latencies from COMMIT to the client; memory a stream; shares of one processor.

    `idle_cpu` is without streams, `watching_cpu` with all of them and no events.
    """

    watchers: int
    events: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    watcher_kb: float
    watcher_kb_loaded: float
    idle_cpu: float
    watching_cpu: float
    loaded_cpu: float
    opening_seconds: float

    def known(self) -> dict[str, float]:
        """By name, to three digits."""
        return {name: float(f"{value:.3g}") for name, value in asdict(self).items()}


def judged(figures: Figures) -> Iterator[tuple[str, float, float | None, str]]:
    """Name, value, goal (None: none), and whether it is met."""
    for name, value in asdict(figures).items():
        goal = GOALS.get(name)
        yield name, value, goal, "" if goal is None else "met" if value <= goal else "missed"
