"""How a process is: how late its event loop was, and what it holds of the database."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

LAG = (
    "prompt_queue_event_loop_lag_seconds",
    "Longest time that the event loop of this process was late within the last 30 seconds.",
)
POOL = ("prompt_queue_pool_connections", "Connections of this process to the database.")
_LOOK_SECONDS = 0.25
_KEPT = int(30 / _LOOK_SECONDS)


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
