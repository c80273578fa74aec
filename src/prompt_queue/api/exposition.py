"""Measures as Prometheus families: one list, from which the page of metrics is made too."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from prompt_queue.jobs.measures import Measures

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Metric:
    """A gauge of the whole queue: its name, meaning, labels, and where its samples come from."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    samples: Callable[[Measures], Iterable[Sample]]


def _one(read: Callable[[Measures], float | None]) -> Callable[[Measures], Iterable[Sample]]:
    def samples(measures: Measures) -> Iterator[Sample]:
        value = read(measures)
        if value is not None:
            yield (), value

    return samples


METRICS = (
    Metric("prompt_queue_depth", "Prompt jobs that are not over.", ("state", "priority"),
           lambda m: (((d.state, str(d.priority)), d.jobs) for d in m.depth)),
    Metric("prompt_queue_oldest_seconds", "Time since the oldest waiting prompt job was queued.",
           (), _one(lambda m: m.oldest_seconds)),
    Metric("prompt_queue_pictures", "Pictures that are to be bought or with the provider.",
           ("status",), lambda m: (((status,), count) for status, count in m.pictures)),
    Metric("prompt_queue_last_hour_jobs", "Prompt jobs queued within the last hour.",
           ("status", "source", "error_code"),
           lambda m: (((j.status, j.source or "", j.error_code or ""), j.jobs)
                      for j in m.recent_jobs)),
    Metric("prompt_queue_last_hour_completed", "Prompt jobs completed within the last hour.", (),
           _one(lambda m: m.completed_last_hour)),
    Metric("prompt_queue_last_hour_failed", "Prompt jobs failed within the last hour.", (),
           _one(lambda m: m.failed_last_hour)),
    Metric("prompt_queue_mean_wait_seconds", "Mean time from queued to first claim, last hour.",
           (), _one(lambda m: m.wait_seconds)),
    Metric("prompt_queue_mean_processing_seconds", "Mean time from first claim to the prompt.",
           (), _one(lambda m: m.processing_seconds)),
    Metric("prompt_queue_last_hour_calls", "Calls to providers within the last hour.",
           ("provider", "model", "outcome"),
           lambda m: (((c.provider, c.model, c.outcome), c.calls) for c in m.recent_calls)),
    Metric("prompt_queue_last_hour_usd", "Cost of these calls in US dollars.",
           ("provider", "model", "outcome"),
           lambda m: (((c.provider, c.model, c.outcome), c.usd) for c in m.recent_calls)),
    Metric("prompt_queue_last_hour_prompt_tokens", "Tokens that these calls sent.",
           ("provider", "model", "outcome"),
           lambda m: (((c.provider, c.model, c.outcome), c.prompt_tokens)
                      for c in m.recent_calls)),
    Metric("prompt_queue_last_hour_answer_tokens", "Tokens of answers and of reasoning.",
           ("provider", "model", "outcome"),
           lambda m: (((c.provider, c.model, c.outcome), c.answer_tokens)
                      for c in m.recent_calls)),
    Metric("prompt_queue_breaker_open", "1: the breaker of the model is not closed.", ("model",),
           lambda m: (((b.model,), float(b.state != "closed")) for b in m.breakers)),
    Metric("prompt_queue_breaker_open_seconds", "How long the breaker has been open.", ("model",),
           lambda m: (((b.model,), b.open_seconds) for b in m.breakers)),
    Metric("prompt_queue_gate_rate_hertz", "Requests a second that the gate lets pass now.",
           ("model",), lambda m: (((b.model,), b.rate) for b in m.breakers if b.rate is not None)),
    Metric("prompt_queue_gate_limit_hertz", "Requests a second that the account allows.",
           ("model",),
           lambda m: (((b.model,), b.allowed) for b in m.breakers if b.allowed is not None)),
    Metric("prompt_queue_workers", "Worker processes seen within 30 seconds.", (),
           _one(lambda m: m.workers)),
    Metric("prompt_queue_slots", "Jobs that all workers handle at once.", (),
           _one(lambda m: m.slots)),
    Metric("prompt_queue_paused", "1: the whole queue is paused.", (), _one(lambda m: m.paused)),
    Metric("prompt_queue_unfenced_writes", "Kept events of writes that showed no lease token.", (),
           _one(lambda m: m.unfenced_writes)),
    Metric("prompt_queue_table_rows", "Estimated rows of a table.", ("table",),
           lambda m: (((t.table_name,), t.live) for t in m.tables)),
    Metric("prompt_queue_table_dead_rows", "Estimated dead versions of rows.", ("table",),
           lambda m: (((t.table_name,), t.dead) for t in m.tables)),
    Metric("prompt_queue_horizon_seconds", "Age of the oldest transaction that holds back vacuum.",
           (), _one(lambda m: m.horizon.seconds if m.horizon else 0.0)),
    Metric("prompt_queue_webhook_messages", "Outgoing webhooks by what became of them.",
           ("outcome",), lambda m: (((word,), count) for word, count in m.webhooks or ())),
    Metric("prompt_queue_promise_coverage_ratio", "Share of promises kept, last 24 hours.",
           ("kind",), lambda m: (((kind,), share) for kind, _, share in m.promises or ())),
)  # fmt: skip
UP = ("prompt_queue_database_up", "1: the database answered; 0: the gauges of the queue are away.")


class QueueCollector(Collector):
    """The families of one look; None: the database is away."""

    def __init__(self, measures: Measures | None) -> None:
        self._measures = measures

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, each with what there is to say."""
        yield GaugeMetricFamily(*UP, value=float(self._measures is not None))
        if self._measures is None:
            return
        for metric in METRICS:
            family = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for labels, value in metric.samples(self._measures):
                family.add_metric(labels, float(value))
            yield family
