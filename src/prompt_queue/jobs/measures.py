"""What is measured of the queue, and nothing else: the input of metrics and of alert rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Depth:
    """Prompt jobs of one state and priority."""

    state: str
    priority: int
    jobs: int


@dataclass(frozen=True, slots=True)
class Lane:
    """Prompt jobs of one state and priority; `oldest_seconds` since the oldest was queued."""

    state: str
    priority: int
    jobs: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class RecentJobs:
    """Prompt jobs that ended alike within the last hour."""

    status: str
    source: str | None
    error_code: str | None
    jobs: int


@dataclass(frozen=True, slots=True)
class WebhookTries:
    """Tries to deliver webhooks of late: those that worked, and those that did not."""

    taken: int
    failed: int


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of a table, and versions of rows that vacuum has yet to take away."""

    table_name: str
    live: int
    dead: int


@dataclass(frozen=True, slots=True)
class Horizon:
    """The session whose transaction keeps vacuum from its work for longest."""

    pid: int
    application_name: str
    state: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Breaker:
    """A model's breaker; `permits` are requests a second, now and at most."""

    model: str
    state: str
    cause: str | None
    open_seconds: float
    rate: float | None
    allowed: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """One look at the queue. Times in seconds; `promises` are kinds, how many, the share kept.

    `totals` have a name and label values, and never get less. `oldest_seconds` is 0 where none
    waits. `counted_seconds` is how long ago `depth`, `pictures` and pending webhooks were counted.
    """

    depth: tuple[Depth, ...] = ()
    oldest_seconds: float = 0.0
    counted_seconds: float = 0.0
    pictures: tuple[tuple[str, int], ...] = ()
    recent_jobs: tuple[RecentJobs, ...] = ()
    totals: Mapping[tuple[str, tuple[str, ...]], float] = field(default_factory=dict)
    tables: tuple[TableRows, ...] = ()
    horizon: Horizon | None = None
    breakers: tuple[Breaker, ...] = ()
    webhooks: tuple[tuple[str, int], ...] = ()
    webhook_tries: WebhookTries = WebhookTries(0, 0)
    promises: tuple[tuple[str, int, float], ...] = ()
    workers: int = 0
    slots: int = 0
    paused: bool = False
    completed_last_hour: int = 0
    failed_last_hour: int = 0
    processing_seconds: float | None = None

    @property
    def waiting(self) -> int:
        """Prompt jobs that nobody works on yet."""
        return sum(depth.jobs for depth in self.depth if depth.state != "processing")
