"""What this process measures of itself: requests, how late its loop is, its connections."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator

from prometheus_client import Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import Scope

ANSWERS = (
    "prompt_queue_http_request_duration_seconds",
    "Time until an HTTP answer was sent; `route` is the template, `none` where there is no route.",
    ("method", "route", "status"),
)
_ANSWERS = Histogram(
    *ANSWERS,
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
LAG = (
    "prompt_queue_event_loop_lag_seconds",
    "Longest time that the event loop of this process was late within the last 30 seconds.",
)
POOL = ("prompt_queue_pool_connections", "Connections of this process to the database.")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LOOK_SECONDS = 0.25
_KEPT = int(30 / _LOOK_SECONDS)


def note_request(scope: Scope, status: int, seconds: float) -> None:
    """Count one answer; nothing that a client may choose becomes a label."""
    method = scope["method"] if scope["method"] in _METHODS else "other"
    route = getattr(scope.get("route"), "path", "none")
    _ANSWERS.labels(method, route, str(status)).observe(seconds)


class LoopLag:
    """How late the event loop was, of late."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=_KEPT)

    @property
    def longest(self) -> float:
        """Seconds, within the last half minute."""
        return max(self._late, default=0.0)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            begun = time.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)
            self._late.append(max(time.monotonic() - begun - _LOOK_SECONDS, 0.0))


class ProcessCollector(Collector):
    """Families of this process; `pool` gives how many connections are open, and idle."""

    def __init__(self, lag: LoopLag, pool: Callable[[], tuple[int, int]]) -> None:
        self._lag = lag
        self._pool = pool

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The lag of the loop and the use of the pool."""
        yield GaugeMetricFamily(*LAG, value=self._lag.longest)
        opened, idle = self._pool()
        connections = GaugeMetricFamily(*POOL, labels=("state",))
        connections.add_metric(("idle",), idle)
        connections.add_metric(("busy",), opened - idle)
        yield connections
