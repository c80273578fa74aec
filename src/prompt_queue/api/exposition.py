"""Measures as Prometheus families: one list, from which the page of metrics is made too."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from prompt_queue.jobs.measures import Measures

Sample = tuple[tuple[str, ...], float]
Samples = Callable[[Measures], Iterable[Sample]]
BOUNDS = ("0.5", "1", "2", "5", "10", "30", "60", "120", "300", "600", "1800", "3600", "+Inf")
"""Upper limits of the histograms in seconds, as sum_up_prompt_queue() writes them."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A family of the whole queue: its name, meaning, labels, and where its samples come from."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    samples: Samples
    kind: Literal["gauge", "counter"] = "gauge"


@dataclass(frozen=True, slots=True)
class Times:
    """A histogram of the whole queue; `total` is its name among the totals."""

    name: str
    meaning: str
    total: str


def _one(read: Callable[[Measures], float | None]) -> Samples:
    def samples(measures: Measures) -> Iterator[Sample]:
        value = read(measures)
        if value is not None:
            yield (), value

    return samples


def _events(kind: str) -> Samples:
    return _one(lambda measures: measures.totals.get(("events", (kind,)), 0.0))


def _total(name: str) -> Samples:
    def samples(measures: Measures) -> Iterator[Sample]:
        for (found, labels), value in measures.totals.items():
            if found == name:
                yield labels, value

    return samples


def _depth(measures: Measures) -> Iterator[Sample]:
    for depth in measures.depth:
        yield (depth.state, str(depth.priority)), depth.jobs


METRICS = (
    Metric("prompt_queue_jobs", "Prompt jobs that are not over.", ("status", "priority"), _depth),
    Metric("prompt_queue_oldest_queued_seconds",
           "Time since the oldest waiting prompt job was queued; 0: none waits.",
           (), _one(lambda m: m.oldest_seconds)),
    Metric("prompt_queue_backlog_age_seconds", "How long ago jobs, pictures and pending webhooks "
           "were counted: the longer that takes, the longer a count is good.",
           (), _one(lambda m: m.counted_seconds)),
    Metric("prompt_queue_pictures", "Pictures that are to be bought or with the provider.",
           ("status",), lambda m: (((status,), count) for status, count in m.pictures)),
    Metric("prompt_queue_jobs_created_total", "Prompt jobs queued.", (), _events("queued"),
           "counter"),
    Metric("prompt_queue_jobs_completed_total", "Prompt jobs completed, by where the prompt "
           "came from.", ("source",), _total("completed"), "counter"),
    Metric("prompt_queue_jobs_failed_total", "Prompt jobs failed, by class of error; one that is "
           "put back and fails again counts twice.", ("error_code",), _total("failed"), "counter"),
    Metric("prompt_queue_jobs_cancelled_total", "Prompt jobs cancelled.", (),
           _events("cancelled"), "counter"),
    Metric("prompt_queue_feedback_total", "Verdicts of users on a prompt or a picture: up, down or "
           "withdrawn; one that is changed counts again.", ("kind", "verdict"), _total("feedback"),
           "counter"),
    Metric("prompt_queue_retries_total", "Attempts that failed and are made again.", (),
           _events("retry_scheduled"), "counter"),
    Metric("prompt_queue_leases_lost_total", "Leases that ran out: a worker died or hung.", (),
           _events("lease_lost"), "counter"),
    Metric("prompt_queue_unfenced_writes_total", "Writes of other programs that showed no lease "
           "token.", (), _events("unfenced_write"), "counter"),
    Metric("prompt_queue_stale_writes_total", "Outcomes refused because the lease was another's.",
           (), _events("stale_write_refused"), "counter"),
    Metric("prompt_queue_calls_total", "Calls to providers that ended; `outcome` is `ok`, a class "
           "of error or `unanswered`.", ("leg", "model", "outcome"), _total("calls"), "counter"),
    Metric("prompt_queue_usd_total", "Cost of calls in US dollars.", ("leg", "model"),
           _total("usd"), "counter"),
    Metric("prompt_queue_tokens_total", "Tokens of calls; `output` is answers and reasoning.",
           ("leg", "model", "direction"), _total("tokens"), "counter"),
    Metric("prompt_queue_breaker_open", "1: the breaker of the model is not closed.", ("model",),
           lambda m: (((b.model,), float(b.state != "closed")) for b in m.breakers)),
    Metric("prompt_queue_breaker_open_seconds", "How long the breaker has been open.", ("model",),
           lambda m: (((b.model,), b.open_seconds) for b in m.breakers)),
    Metric("prompt_queue_out_of_credit", "1: the account has no credit for the model.", ("model",),
           lambda m: (((b.model,), float(b.state != "closed" and b.cause == "out_of_credit"))
                      for b in m.breakers)),
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
    Metric("prompt_queue_table_rows", "Estimated rows of a table.", ("table",),
           lambda m: (((t.table_name,), t.live) for t in m.tables)),
    Metric("prompt_queue_table_dead_rows", "Estimated dead versions of rows.", ("table",),
           lambda m: (((t.table_name,), t.dead) for t in m.tables)),
    Metric("prompt_queue_horizon_seconds", "Age of the oldest transaction that holds back vacuum.",
           (), _one(lambda m: m.horizon.seconds if m.horizon else 0.0)),
    Metric("prompt_queue_webhook_messages", "Outgoing webhooks by what became of them.",
           ("outcome",), lambda m: (((word,), count) for word, count in m.webhooks)),
    Metric("prompt_queue_webhook_tries_recent", "Tries to deliver webhooks within the last 15 "
           "minutes, of the newest 2,000.", ("outcome",),
           lambda m: ((("taken",), m.webhook_tries.taken), (("failed",), m.webhook_tries.failed))),
    Metric("prompt_queue_promise_coverage_ratio", "Share of promises kept, last 24 hours.",
           ("kind",), lambda m: (((kind,), share) for kind, _, share in m.promises)),
)  # fmt: skip
TIMES = (
    Times("prompt_queue_wait_seconds", "Time from created to claimed, of completed jobs.", "wait"),
    Times("prompt_queue_processing_seconds", "Time from claimed to completed, of completed jobs.",
          "processing"),
)  # fmt: skip
UP = ("prompt_queue_database_up", "1: the database answered; 0: the facts of the queue are away.")


class QueueCollector(Collector):
    """The families of one look; None: the database is away."""

    def __init__(self, measures: Measures | None) -> None:
        self._measures = measures

    def collect(self) -> Iterator[Family]:
        """The families, each with what there is to say."""
        yield GaugeMetricFamily(*UP, value=float(self._measures is not None))
        if self._measures is None:
            return
        for metric in METRICS:
            make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = make(metric.name, metric.meaning, labels=metric.labels)
            for labels, value in metric.samples(self._measures):
                family.add_metric(labels, float(value))
            yield family
        for times in TIMES:
            yield _histogram(times, self._measures.totals)


def _histogram(
    times: Times, totals: Mapping[tuple[str, tuple[str, ...]], float]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(times.name, times.meaning)
    upto, buckets = 0.0, []
    for bound in BOUNDS:
        upto += totals.get((f"{times.total}_bucket", (bound,)), 0.0)
        buckets.append((bound, upto))
    family.add_metric((), buckets, totals.get((f"{times.total}_sum", ()), 0.0))
    return family
