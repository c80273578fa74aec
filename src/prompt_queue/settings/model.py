"""Every knob, typed, with its environment variable, default and meaning."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "PROMPT_QUEUE_"
DEMO_USER_ID = UUID("00000000-0000-4000-a000-000000000001")
DEMO_MODEL_ID = UUID("00000000-0000-4000-a000-000000000002")
DEMO_ROW_ID = UUID("00000000-0000-4000-a000-000000000003")
XAI_PUBLIC_BASE = "https://api.x.ai/v1"
WAVESPEED_PUBLIC_BASE = "https://api.wavespeed.ai"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

CommaList = Annotated[tuple[str, ...], NoDecode]


def _knob(variable: str, default: object, description: str, **limits: Any) -> Any:
    return Field(default, validation_alias=variable, description=description, **limits)


class Settings(BaseSettings):
    """The configuration of one process. Durations are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
    )

    xai_api_key: SecretStr | None = _knob(
        "XAI_API_KEY",
        None,
        "Key for xAI. Without it `prompt-queue up` starts the labelled stand-in.",
    )
    xai_api_base: str = _knob(
        "XAI_API_BASE", XAI_PUBLIC_BASE, "Base URL of the xAI API; trusted by its exact origin."
    )
    stand_in: bool = _knob(
        PREFIX + "STAND_IN", False, "XAI_API_BASE is the local stand-in. Set by `up`, not by hand."
    )
    wavespeed_api_key: SecretStr | None = _knob(
        "WAVESPEED_API_KEY", None, "Key for WaveSpeed, which turns prompts into pictures."
    )
    wavespeed_api_base: str = _knob(
        "WAVESPEED_API_BASE",
        WAVESPEED_PUBLIC_BASE,
        "Base URL of the WaveSpeed API; trusted by its exact origin.",
    )
    database_url: SecretStr | None = _knob(
        "DATABASE_URL",
        None,
        "PostgreSQL 15 to 18. Several hosts, separated by commas, are a primary and its standbys: "
        "the one that takes writes is used. Without it the embedded PostgreSQL is used.",
    )
    database_direct_url: SecretStr | None = _knob(
        "DATABASE_DIRECT_URL",
        None,
        "A connection that bypasses a transaction pooler, for LISTEN. Optional.",
    )
    cron_secret: SecretStr | None = _knob(
        "CRON_SECRET",
        None,
        "Bearer token of the cron routes. Unset: they answer 503 and do nothing.",
    )
    data_dir: Path | None = _knob(
        PREFIX + "DATA_DIR", None, "Where the embedded database, uploads and keys live."
    )
    host: str = _knob(
        PREFIX + "HOST",
        "127.0.0.1",
        "Address that the HTTP server binds. Loopback only without an identity.",
    )
    port: int = _knob(PREFIX + "PORT", 8080, "Port of the server.", ge=0, le=65535)
    public_url: str | None = _knob(
        PREFIX + "PUBLIC_URL",
        None,
        "Base URL under which clients reach the server. Default: host and port.",
    )
    local_user_id: UUID = _knob(
        PREFIX + "LOCAL_USER_ID",
        DEMO_USER_ID,
        "The user who is served on loopback while no identity provider is set.",
    )
    seed_demo: bool = _knob(
        PREFIX + "SEED_DEMO",
        False,
        "Create the demo user, model and row also in the database of DATABASE_URL.",
    )
    workers: int = _knob(PREFIX + "WORKERS", 1, "Worker processes that `up` starts.", ge=0, le=64)
    models: CommaList = _knob(
        PREFIX + "MODELS",
        ("grok-4.7", "grok-4.6", "grok-4.3"),
        "Grok models, comma-separated, in the order in which they are tried.",
    )
    reasoning_effort: Literal["none", "low", "medium", "high", "xhigh"] = _knob(
        PREFIX + "REASONING_EFFORT", "low", "How long Grok may think before it writes."
    )
    user_in_flight_cap: int | None = _knob(
        PREFIX + "USER_IN_FLIGHT_CAP",
        None,
        "Jobs of one user that may be processing at once, over all workers. Default: no limit.",
        ge=1,
    )
    ageing_seconds: float = _knob(
        PREFIX + "AGEING_SECONDS",
        600.0,
        "So many seconds of waiting count as much as one step of priority.",
        gt=0,
    )
    jobs_days: float = _knob(
        PREFIX + "JOBS_DAYS",
        90.0,
        "Days that ended jobs are kept; jobs that a row of `jobs` names stay. 0: for ever.",
        ge=0,
    )
    events_days: float = _knob(
        PREFIX + "EVENTS_DAYS", 90.0, "Days that events are kept. 0: for ever.", ge=0
    )
    ledger_days: float = _knob(
        PREFIX + "LEDGER_DAYS", 730.0, "Days that the ledger of calls is kept. 0: for ever.", ge=0
    )
    concurrency: int = _knob(
        PREFIX + "CONCURRENCY", 32, "Jobs in progress at once in one worker process.", ge=1, le=2000
    )
    claim_limit: int = _knob(
        PREFIX + "CLAIM_LIMIT", 3, "Jobs taken from the queue by one claim.", ge=1, le=1000
    )
    lease_seconds: float = _knob(
        PREFIX + "LEASE_SECONDS",
        30.0,
        "A job whose worker is silent for this long is taken away from it.",
        ge=0.5,
        le=3600,
    )
    poll_seconds: float = _knob(
        PREFIX + "POLL_SECONDS",
        2.0,
        "Longest time between two looks at the queue of a worker that cannot LISTEN.",
        gt=0,
        le=300,
    )
    drain_seconds: float = _knob(
        PREFIX + "DRAIN_SECONDS",
        20.0,
        "Time that running jobs get at shutdown before they are handed back.",
        ge=0,
        le=3600,
    )
    attempt_timeout_seconds: float = _knob(
        PREFIX + "ATTEMPT_TIMEOUT_SECONDS",
        60.0,
        "Least time limit of one call to Grok; it grows with how long a model takes, and with each "
        "retry.",
        gt=0,
        le=3600,
    )
    attempt_timeout_max_seconds: float = _knob(
        PREFIX + "ATTEMPT_TIMEOUT_MAX_SECONDS",
        180.0,
        "Greatest time limit of one call to Grok.",
        gt=0,
        le=3600,
    )
    job_seconds: float = _knob(
        PREFIX + "JOB_SECONDS",
        86400.0,
        "A job that is not done so long after it was queued is not tried or postponed again. "
        "0: no limit.",
        ge=0,
    )
    max_retries: int = _knob(
        PREFIX + "MAX_RETRIES", 3, "Retries of a job after its first attempt.", ge=0, le=100
    )
    retry_base_delay_ms: int = _knob(
        PREFIX + "RETRY_BASE_DELAY_MS", 1000, "Delay before the first retry, in milliseconds.", ge=0
    )
    retry_max_delay_ms: int = _knob(
        PREFIX + "RETRY_MAX_DELAY_MS", 30000, "Longest delay before a retry, in milliseconds.", ge=0
    )
    retry_multiplier: float = _knob(
        PREFIX + "RETRY_MULTIPLIER",
        2.0,
        "Growth of the delay from one retry to the next.",
        ge=1,
        le=100,
    )
    retry_jitter: Literal["full", "none"] = _knob(
        PREFIX + "RETRY_JITTER",
        "full",
        "`full` draws the delay at random below the formula, `none` takes it as is.",
    )
    trusted_image_hosts: CommaList = _knob(
        PREFIX + "TRUSTED_IMAGE_HOSTS",
        (),
        "`host:port` list that pictures may come from although the address is private.",
    )
    row_owner_column: str | None = _knob(
        PREFIX + "ROW_OWNER_COLUMN",
        None,
        "Column of model_rows that names the owner. Default: user_id, or created_by.",
        pattern="^[a-z_][a-z0-9_]*$",
    )
    upload_max_bytes: int = _knob(
        PREFIX + "UPLOAD_MAX_BYTES",
        10 * 1024 * 1024,
        "Largest picture that an upload may have, in bytes.",
        ge=1024,
    )
    upload_link_seconds: int = _knob(
        PREFIX + "UPLOAD_LINK_SECONDS",
        7 * 24 * 3600,
        "How long the link of an upload opens, in seconds.",
        ge=60,
    )
    cron_budget_seconds: float = _knob(
        PREFIX + "CRON_BUDGET_SECONDS",
        50.0,
        "Time that one call of the cron route may work.",
        gt=0,
        le=3600,
    )
    log_level: Literal["debug", "info", "warning", "error"] = _knob(
        PREFIX + "LOG_LEVEL", "info", "Least severe line that is logged."
    )
    log_format: Literal["console", "json"] = _knob(
        PREFIX + "LOG_FORMAT", "console", "Form of the log lines."
    )

    @field_validator("models", "trusted_image_hosts", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("models")
    @classmethod
    def _need_a_model(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("name at least one model, for example grok-4.7")
        return value

    @field_validator("trusted_image_hosts")
    @classmethod
    def _need_host_and_port(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            host, _, port = entry.rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{entry!r} must be host:port, for example 127.0.0.1:9000")
        return value

    @field_validator("xai_api_base", "wavespeed_api_base", "public_url")
    @classmethod
    def _need_http_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("write a full URL, for example https://api.x.ai/v1")
        return value.rstrip("/")

    @field_validator("xai_api_key", "wavespeed_api_key", "database_url", "cron_secret")
    @classmethod
    def _blank_is_absent(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value and value.get_secret_value().strip() else None

    @model_validator(mode="after")
    def _refuse_public_bind(self) -> Self:
        if self.host not in LOOPBACK_HOSTS:
            raise ValueError(
                f"{PREFIX}HOST={self.host} is not a loopback address: no identity provider is "
                "configured, so anybody on the network could spend your money. Bind 127.0.0.1 "
                "and put a reverse proxy with authentication in front"
            )
        return self

    @property
    def base_url(self) -> str:
        """Where clients reach the server, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def demo_mode(self) -> bool:
        """True on the embedded database while no identity provider is configured."""
        return self.database_url is None
