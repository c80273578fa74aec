"""Knobs for what goes wrong: time limits, retries, outages."""

from typing import Literal

from pydantic import field_validator

from prompt_queue.jobs.alerts import read_thresholds
from prompt_queue.jobs.limits import read_limit
from prompt_queue.settings.knobs import PREFIX, CommaList, Group, knob, split_commas


class FailureSettings(Group):
    """How long is waited, and how often is tried."""

    rate_tier: Literal["none", "T0", "T1", "T2", "T3", "T4"] = knob(
        PREFIX + "RATE_TIER",
        "T0",
        "Tier of the xAI account, from which the limits of each model follow; by what was spent "
        "since 2026-01-01: 0, 50, 250, 1,000, 5,000 USD. `none`: no limits but "
        "those of PROMPT_QUEUE_RATE_LIMITS.",
    )
    rate_limits: CommaList = knob(
        PREFIX + "RATE_LIMITS",
        (),
        "Limits of single models: requests a second and tokens a minute, such as "
        "`grok-4.7=30/1000000`, `grok-4.6=10`, `grok-4.3=none`.",
    )
    alert_thresholds: CommaList = knob(
        PREFIX + "ALERT_THRESHOLDS",
        (),
        "Thresholds of alerts that are to differ from those in docs/metrics.md, such as "
        "`depth=500,oldest=60`.",
    )
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

    @field_validator("rate_limits", mode="before")
    @classmethod
    def _split_limits(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("rate_limits")
    @classmethod
    def _need_limits(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            read_limit(entry)
        return value

    @field_validator("alert_thresholds", mode="before")
    @classmethod
    def _split_thresholds(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("alert_thresholds")
    @classmethod
    def _need_thresholds(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        read_thresholds(value)
        return value
