"""Every knob, typed, read once from the environment and `.env`.

Only `cli`, `asgi` and `worker/run.py` read settings; everything below gets plain values.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "PROMPT_QUEUE_"
DEMO_USER_ID = UUID("00000000-0000-4000-a000-000000000001")
DEMO_MODEL_ID = UUID("00000000-0000-4000-a000-000000000002")
DEMO_ROW_ID = UUID("00000000-0000-4000-a000-000000000003")
XAI_PUBLIC_BASE = "https://api.x.ai/v1"
WAVESPEED_PUBLIC_BASE = "https://api.wavespeed.ai"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

CommaList = Annotated[tuple[str, ...], NoDecode]


class SettingsError(Exception):
    """The environment is wrong; the message says which variable and what to write instead."""


def _named(name: str) -> str:
    """The environment variable of one of the project's own settings."""
    return f"{PREFIX}{name}"


class Settings(BaseSettings):
    """The configuration of one process. Durations are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", populate_by_name=True
    )

    xai_api_key: SecretStr | None = Field(
        None,
        validation_alias="XAI_API_KEY",
        description="Key for xAI. Without it `prompt-queue up` starts the labelled stand-in.",
    )
    xai_api_base: str = Field(
        XAI_PUBLIC_BASE,
        validation_alias="XAI_API_BASE",
        description="Base URL of the xAI API; trusted by its exact origin.",
    )
    stand_in: bool = Field(
        False,
        validation_alias=_named("STAND_IN"),
        description="XAI_API_BASE is the local stand-in. Set by `up`, not by hand.",
    )
    wavespeed_api_key: SecretStr | None = Field(
        None,
        validation_alias="WAVESPEED_API_KEY",
        description="Key for WaveSpeed, which turns prompts into pictures.",
    )
    wavespeed_api_base: str = Field(
        WAVESPEED_PUBLIC_BASE,
        validation_alias="WAVESPEED_API_BASE",
        description="Base URL of the WaveSpeed API; trusted by its exact origin.",
    )
    database_url: SecretStr | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="PostgreSQL 15 to 18. Without it the embedded PostgreSQL is used.",
    )
    database_direct_url: SecretStr | None = Field(
        None,
        validation_alias="DATABASE_DIRECT_URL",
        description="A connection that bypasses a transaction pooler, for LISTEN. Optional.",
    )
    cron_secret: SecretStr | None = Field(
        None,
        validation_alias="CRON_SECRET",
        description="Bearer token of the cron routes. Unset: they answer 503 and do nothing.",
    )

    data_dir: Path | None = Field(
        None,
        validation_alias=_named("DATA_DIR"),
        description="Where the embedded database, uploads and keys live.",
    )
    host: str = Field(
        "127.0.0.1",
        validation_alias=_named("HOST"),
        description="Address that the HTTP server binds. Loopback only without an identity.",
    )
    port: int = Field(
        8080, ge=0, le=65535, validation_alias=_named("PORT"), description="Port of the server."
    )
    public_url: str | None = Field(
        None,
        validation_alias=_named("PUBLIC_URL"),
        description="Base URL under which clients reach the server. Default: host and port.",
    )
    local_user_id: UUID = Field(
        DEMO_USER_ID,
        validation_alias=_named("LOCAL_USER_ID"),
        description="The user who is served on loopback while no identity provider is set.",
    )
    seed_demo: bool = Field(
        False,
        validation_alias=_named("SEED_DEMO"),
        description="Create the demo user, model and row also in the database of DATABASE_URL.",
    )
    workers: int = Field(
        1,
        ge=0,
        le=64,
        validation_alias=_named("WORKERS"),
        description="Worker processes that `up` starts.",
    )

    models: CommaList = Field(
        ("grok-4.7", "grok-4.6", "grok-4.3"),
        validation_alias=_named("MODELS"),
        description="Grok models, comma-separated, in the order in which they are tried.",
    )
    reasoning_effort: Literal["none", "low", "medium", "high", "xhigh"] = Field(
        "low",
        validation_alias=_named("REASONING_EFFORT"),
        description="How long Grok may think before it writes.",
    )
    concurrency: int = Field(
        32,
        ge=1,
        le=2000,
        validation_alias=_named("CONCURRENCY"),
        description="Jobs in progress at once in one worker process.",
    )
    claim_limit: int = Field(
        3,
        ge=1,
        le=200,
        validation_alias=_named("CLAIM_LIMIT"),
        description="Jobs taken from the queue by one claim.",
    )
    lease_seconds: float = Field(
        30.0,
        ge=0.5,
        le=3600,
        validation_alias=_named("LEASE_SECONDS"),
        description="A job whose worker is silent for this long is taken away from it.",
    )
    poll_seconds: float = Field(
        2.0,
        gt=0,
        le=300,
        validation_alias=_named("POLL_SECONDS"),
        description="Longest time between two looks at the queue.",
    )
    drain_seconds: float = Field(
        20.0,
        ge=0,
        le=3600,
        validation_alias=_named("DRAIN_SECONDS"),
        description="Time that running jobs get at shutdown before they are handed back.",
    )
    attempt_timeout_seconds: float = Field(
        60.0,
        gt=0,
        le=3600,
        validation_alias=_named("ATTEMPT_TIMEOUT_SECONDS"),
        description="Time limit of one call to Grok.",
    )
    max_retries: int = Field(
        3,
        ge=0,
        le=100,
        validation_alias=_named("MAX_RETRIES"),
        description="Retries of a job after its first attempt.",
    )
    retry_base_delay_ms: int = Field(
        1000,
        ge=0,
        validation_alias=_named("RETRY_BASE_DELAY_MS"),
        description="Delay before the first retry, in milliseconds.",
    )
    retry_max_delay_ms: int = Field(
        30_000,
        ge=0,
        validation_alias=_named("RETRY_MAX_DELAY_MS"),
        description="Longest delay before a retry, in milliseconds.",
    )
    retry_multiplier: float = Field(
        2.0,
        ge=1,
        le=100,
        validation_alias=_named("RETRY_MULTIPLIER"),
        description="Growth of the delay from one retry to the next.",
    )
    retry_jitter: Literal["full", "none"] = Field(
        "full",
        validation_alias=_named("RETRY_JITTER"),
        description="`full` draws the delay at random below the formula, `none` takes it as is.",
    )
    trusted_image_hosts: CommaList = Field(
        (),
        validation_alias=_named("TRUSTED_IMAGE_HOSTS"),
        description="`host:port` list that pictures may come from although the address is private.",
    )
    row_owner_column: str | None = Field(
        None,
        pattern=r"^[a-z_][a-z0-9_]*$",
        validation_alias=_named("ROW_OWNER_COLUMN"),
        description="Column of model_rows that names the owner. Default: user_id, or created_by.",
    )
    upload_max_bytes: int = Field(
        10 * 1024 * 1024,
        ge=1024,
        validation_alias=_named("UPLOAD_MAX_BYTES"),
        description="Largest picture that an upload may have, in bytes.",
    )
    upload_link_seconds: int = Field(
        7 * 24 * 3600,
        ge=60,
        validation_alias=_named("UPLOAD_LINK_SECONDS"),
        description="How long the link of an upload opens, in seconds.",
    )
    cron_budget_seconds: float = Field(
        50.0,
        gt=0,
        le=3600,
        validation_alias=_named("CRON_BUDGET_SECONDS"),
        description="Time that one call of the cron route may work.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        validation_alias=_named("LOG_LEVEL"),
        description="Least severe line that is logged.",
    )
    log_format: Literal["console", "json"] = Field(
        "console", validation_alias=_named("LOG_FORMAT"), description="Form of the log lines."
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

    @field_validator(
        "xai_api_key", "database_url", "database_direct_url", "cron_secret", mode="after"
    )
    @classmethod
    def _empty_is_absent(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value and value.get_secret_value().strip() else None

    @model_validator(mode="after")
    def _refuse_public_bind(self) -> Self:
        if self.host not in LOOPBACK_HOSTS:
            raise ValueError(
                f"{_named('HOST')}={self.host} is not a loopback address: no identity provider is "
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


# Read by single modules at the edge of a process, not part of the tree.
PROCESS_VARIABLES = frozenset({_named("LIFELINE_FD"), _named("POSTGRES_USER")})


def variable_name(field: str) -> str:
    """The environment variable that sets the given field of Settings."""
    return str(Settings.model_fields[field].validation_alias)


def known_variables() -> frozenset[str]:
    """Every environment variable that Settings reads."""
    return frozenset(variable_name(field) for field in Settings.model_fields)


def unknown_variables(names: Iterable[str]) -> list[str]:
    """One sentence for each name with our prefix that means nothing to us."""
    known = known_variables() | PROCESS_VARIABLES
    sentences = []
    for name in sorted({name.upper() for name in names} - known):
        if name.startswith(PREFIX):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else "; see docs/configuration.md"
            sentences.append(f"{name} is not a setting{hint}")
    return sentences


def load_settings(
    environment: Mapping[str, str] | None = None,
    env_file: Path | None = None,
    **overrides: object,
) -> Settings:
    """Read the environment and `.env`; `overrides` are field names from the command line.

    Raises SettingsError with one line for each thing that is wrong.
    """
    env_file = env_file or Path(".env")
    names = list(os.environ if environment is None else environment)
    if env_file.is_file():
        lines = env_file.read_text("utf-8").splitlines()
        assignments = (line.strip().removeprefix("export ") for line in lines)
        names += [
            line.split("=", 1)[0].strip()
            for line in assignments
            if "=" in line and not line.startswith("#")
        ]
    unknown = unknown_variables(names)
    if unknown:
        raise SettingsError("\n".join(unknown))
    given = {variable_name(k): v for k, v in overrides.items() if v is not None}
    try:
        return Settings(_env_file=env_file, **given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_sentences(error))) from None


def _sentences(error: ValidationError) -> list[str]:
    sentences = []
    for problem in error.errors(include_url=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        where = ".".join(str(part) for part in problem["loc"])
        sentences.append(f"{where}: {message}" if where else message)
    return sentences
