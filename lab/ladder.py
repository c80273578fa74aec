"""What the ladder and the breakers promise, computed from the logs."""

from lab.logs import Logs, Outage

LEAST_COOL_OFF = 2.5
"""Seconds: half of the first cool-off."""

_UNDER_WAY = 0.25
"""Seconds after an opening in which a call is seen that was being granted when it happened."""


def fell_too_far(logs: Logs) -> list[str]:
    """Jobs whose prompt comes from further down than they allowed."""
    found = []
    for job in logs.jobs.values():
        book = logs.book.get(job.job_id)
        if job.min_quality != "template_ok" and job.source not in (None, "model"):
            found.append(f"{job.job_id} asked for {job.min_quality} and got a {job.source}")
        if job.min_quality == "model" and book and len(book.models) > 1:
            found.append(f"{job.job_id} asked for the first model; asked were {book.models}")
    return found


def asked_while_open(logs: Logs) -> list[str]:
    """Models that were asked more often than by one probe a cool-off.

    A worker that died may have held the probe, so each death allows one more.
    """
    found = []
    for outage in logs.outages:
        calls = sum(
            asked.model == outage.model and _during(outage, asked.at) for asked in logs.asked
        )
        deaths = sum(harm.pid is not None and _during(outage, harm.at) for harm in logs.harms)
        allowed = 1 + int((outage.until - outage.since) / LEAST_COOL_OFF) + deaths
        if calls > allowed:
            found.append(
                f"{outage.model} was asked {calls} times while its breaker was open, "
                f"{allowed} are allowed"
            )
    return found


def _during(outage: Outage, at: float) -> bool:
    return outage.since + _UNDER_WAY < at < outage.until
