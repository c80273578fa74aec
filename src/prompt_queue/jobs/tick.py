"""What one bounded processing pass did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReport:
    """Counts of jobs; `more_work` when jobs are left that wait.

    Of pictures: `submitted` were bought, `pictures` were saved. `webhooks` were delivered.
    """

    claimed: int
    completed: int
    retried: int
    postponed: int
    failed: int
    released: int
    rescued: int
    duration_ms: int
    more_work: bool
    submitted: int = 0
    pictures: int = 0
    webhooks: int = 0
