"""What one worker process tells of itself, as Prometheus families: one list, the page's too."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from prompt_queue.worker.crew import Crew
from prompt_queue.worker.loop import CLAIMED, LOST, REFUSED, WorkLoop

Samples = Iterable[tuple[tuple[str, ...], float]]
_NOT_OUTCOMES = frozenset({CLAIMED, LOST, REFUSED})


@dataclass(frozen=True, slots=True)
class WorkerMetric:
    """A family of one process: its name, meaning, labels, and where its samples come from."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    samples: Callable[[Crew], Samples]
    kind: Literal["gauge", "counter"] = "gauge"


def _loops(parts: Crew) -> tuple[tuple[str, WorkLoop], ...]:
    return ("jobs", parts.loop), ("webhooks", parts.deliveries)


def _each_loop(read: Callable[[WorkLoop], float]) -> Callable[[Crew], Samples]:
    return lambda parts: (((name,), read(loop)) for name, loop in _loops(parts))


def _settled(parts: Crew) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, loop in _loops(parts):
        for outcome, count in loop.tally.items():
            if outcome not in _NOT_OUTCOMES:
                yield (name, outcome), count


WORKER_METRICS = (
    WorkerMetric("prompt_queue_worker_slots", "Jobs, or webhooks, that this worker handles at "
                 "once.", ("loop",), _each_loop(lambda loop: loop.slots)),
    WorkerMetric("prompt_queue_worker_slots_used", "Those that it handles now.", ("loop",),
                 _each_loop(lambda loop: loop.running)),
    WorkerMetric("prompt_queue_worker_leases", "Leases of jobs that its heartbeat renews.", (),
                 lambda parts: (((), len(parts.leases)),)),
    WorkerMetric("prompt_queue_worker_claimed_total", "Jobs, or webhooks, that it took.",
                 ("loop",), _each_loop(lambda loop: loop.tally[CLAIMED]), "counter"),
    WorkerMetric("prompt_queue_worker_settled_total", "Outcomes of its work that counted.",
                 ("loop", "outcome"), _settled, "counter"),
    WorkerMetric("prompt_queue_worker_refused_total", "Outcomes of its work that came too late: "
                 "the job was another's by then.", ("loop",),
                 _each_loop(lambda loop: loop.tally[REFUSED]), "counter"),
    WorkerMetric("prompt_queue_worker_leases_lost_total", "Jobs that it gave up because their "
                 "lease was gone.", ("loop",), _each_loop(lambda loop: loop.tally[LOST]),
                 "counter"),
    WorkerMetric("prompt_queue_worker_heartbeats_missed_total", "Heartbeats that did not reach "
                 "the database, or found the loop standing.", (),
                 lambda parts: (((), parts.heartbeat.missed),), "counter"),
)  # fmt: skip


class WorkerCollector(Collector):
    """The families of a crew at work."""

    def __init__(self, parts: Crew) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Family]:
        """The families, each with what there is to say."""
        for metric in WORKER_METRICS:
            make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = make(metric.name, metric.meaning, labels=metric.labels)
            for labels, value in metric.samples(self._parts):
                family.add_metric(labels, float(value))
            yield family
