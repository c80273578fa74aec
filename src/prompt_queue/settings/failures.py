"""Knobs for what goes wrong: time limits, retries, outages."""

from typing import Literal

from prompt_queue.settings.knobs import PREFIX, Group, knob


class FailureSettings(Group):
    """How long is waited, and how often is tried."""

    attempt_timeout_seconds: float = knob(
        PREFIX + "ATTEMPT_TIMEOUT_SECONDS",
        60.0,
        "Least time limit of one call to Grok; it grows with how long a model takes, and with each "
        "retry.",
        gt=0,
        le=3600,
    )
    attempt_timeout_max_seconds: float = knob(
        PREFIX + "ATTEMPT_TIMEOUT_MAX_SECONDS",
        180.0,
        "Greatest time limit of one call to Grok.",
        gt=0,
        le=3600,
    )
    job_seconds: float = knob(
        PREFIX + "JOB_SECONDS",
        86400.0,
        "A job that is not done so long after it was queued is not tried or postponed again. "
        "0: no limit.",
        ge=0,
    )
    max_retries: int = knob(
        PREFIX + "MAX_RETRIES", 3, "Retries of a job after its first attempt.", ge=0, le=100
    )
    retry_base_delay_ms: int = knob(
        PREFIX + "RETRY_BASE_DELAY_MS", 1000, "Delay before the first retry, in milliseconds.", ge=0
    )
    retry_max_delay_ms: int = knob(
        PREFIX + "RETRY_MAX_DELAY_MS", 30000, "Longest delay before a retry, in milliseconds.", ge=0
    )
    retry_multiplier: float = knob(
        PREFIX + "RETRY_MULTIPLIER",
        2.0,
        "Growth of the delay from one retry to the next.",
        ge=1,
        le=100,
    )
    retry_jitter: Literal["full", "none"] = knob(
        PREFIX + "RETRY_JITTER",
        "full",
        "`full` draws the delay at random below the formula, `none` takes it as is.",
    )
    outage_seconds: float = knob(
        PREFIX + "OUTAGE_SECONDS",
        120.0,
        "An outage of all models is waited out for so long; then requests that allow it get a "
        "template or their existing prompt. Others wait on.",
        ge=0,
    )
