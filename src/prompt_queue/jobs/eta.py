"""How long a job will wait: a pure estimate from position, speed and slots."""

FIRST_GUESS_SECONDS = 10.0
"""Service time that is assumed until one has been measured."""


def estimated_wait(ahead: int, service_seconds: float | None, slots: int) -> int:
    """Whole seconds until a job with `ahead` jobs before it is done.

    `service_seconds` is the measured mean of one job, `slots` the number of jobs that all living
    workers handle at once (0 counts as 1: a worker is expected to come).
    """
    service = FIRST_GUESS_SECONDS if service_seconds is None else service_seconds
    rounds = ahead // max(slots, 1) + 1
    return max(1, round(rounds * service))
