"""Every knob, typed, with its environment variable, default and meaning."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import SecretStr, field_validator, model_validator

from prompt_queue.settings.dispatch import DispatchSettings
from prompt_queue.settings.failures import FailureSettings
from prompt_queue.settings.identity import IdentitySettings
from prompt_queue.settings.knobs import PREFIX, CommaList, knob, split_commas
from prompt_queue.settings.pictures import PictureSettings
from prompt_queue.settings.users import UserSettings
from prompt_queue.settings.webhooks import WebhookSettings

DEMO_USER_ID = UUID("00000000-0000-4000-a000-000000000001")
DEMO_MODEL_ID = UUID("00000000-0000-4000-a000-000000000002")
DEMO_ROW_ID = UUID("00000000-0000-4000-a000-000000000003")
XAI_PUBLIC_BASE = "https://api.x.ai/v1"
WAVESPEED_PUBLIC_BASE = "https://api.wavespeed.ai"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(
    FailureSettings,
    PictureSettings,
    DispatchSettings,
    WebhookSettings,
    UserSettings,
    IdentitySettings,
):
    """The configuration of one process. Durations are seconds unless the name says otherwise."""

    xai_api_key: SecretStr | None = knob(
        "XAI_API_KEY",
        None,
        "Key for xAI. Without it `prompt-queue up` starts the labelled stand-in.",
    )
    xai_api_base: str = knob(
        "XAI_API_BASE", XAI_PUBLIC_BASE, "Base URL of the xAI API; trusted by its exact origin."
    )
    stand_in: bool = knob(
        PREFIX + "STAND_IN", False, "XAI_API_BASE is the local stand-in. Set by `up`, not by hand."
    )
    picture_stand_in: bool = knob(
        PREFIX + "PICTURE_STAND_IN",
        False,
        "WAVESPEED_API_BASE is the local stand-in. Set by `up`, not by hand.",
    )
    wavespeed_api_key: SecretStr | None = knob(
        "WAVESPEED_API_KEY",
        None,
        "Key for WaveSpeed, which turns prompts into pictures. Without it `up` starts a stand-in.",
    )
    wavespeed_api_base: str = knob(
        "WAVESPEED_API_BASE",
        WAVESPEED_PUBLIC_BASE,
        "Base URL of the WaveSpeed API; trusted by its exact origin.",
    )
    database_url: SecretStr | None = knob(
        "DATABASE_URL",
        None,
        "PostgreSQL 15 to 18. Several hosts, separated by commas, are a primary and its standbys: "
        "the one that takes writes is used. Without it the embedded PostgreSQL is used.",
    )
    database_direct_url: SecretStr | None = knob(
        "DATABASE_DIRECT_URL",
        None,
        "A connection that bypasses a transaction pooler, for LISTEN. Optional.",
    )
    cron_secret: SecretStr | None = knob(
        "CRON_SECRET",
        None,
        "Bearer token of the cron routes. Unset: they answer 503 and do nothing.",
    )
    data_dir: Path | None = knob(
        PREFIX + "DATA_DIR", None, "Where the embedded database, uploads and keys live."
    )
    host: str = knob(
        PREFIX + "HOST",
        "127.0.0.1",
        "Address that the HTTP server binds. Others than loopback need PROMPT_QUEUE_IDENTITY.",
    )
    port: int = knob(PREFIX + "PORT", 8080, "Port of the server.", ge=0, le=65535)
    public_url: str | None = knob(
        PREFIX + "PUBLIC_URL",
        None,
        "Base URL under which clients reach the server. Default: host and port.",
    )
    local_user_id: UUID = knob(
        PREFIX + "LOCAL_USER_ID",
        DEMO_USER_ID,
        "The user who is served on loopback while no identity provider is set.",
    )
    seed_demo: bool = knob(
        PREFIX + "SEED_DEMO",
        False,
        "Create the demo user, model and row also in the database of DATABASE_URL.",
    )
    workers: int = knob(PREFIX + "WORKERS", 1, "Worker processes that `up` starts.", ge=0, le=64)
    models: CommaList = knob(
        PREFIX + "MODELS",
        ("grok-4.7", "grok-4.6", "grok-4.3"),
        "Grok models, comma-separated, in the order in which they are tried.",
    )
    reasoning_effort: Literal["none", "low", "medium", "high", "xhigh"] = knob(
        PREFIX + "REASONING_EFFORT", "low", "How long Grok may think before it writes."
    )
    streaming: bool = knob(
        PREFIX + "STREAMING",
        True,
        "Let requests ask to see the text while Grok writes it. false: every answer comes whole.",
    )
    user_in_flight_cap: int | None = knob(
        PREFIX + "USER_IN_FLIGHT_CAP",
        None,
        "Jobs of one user that may be processing at once, over all workers. Default: no limit.",
        ge=1,
    )
    ageing_seconds: float = knob(
        PREFIX + "AGEING_SECONDS",
        600.0,
        "So many seconds of waiting count as much as one step of priority.",
        gt=0,
    )
    jobs_days: float = knob(
        PREFIX + "JOBS_DAYS",
        90.0,
        "Days that ended jobs are kept; jobs that a row of `jobs` names stay. 0: for ever.",
        ge=0,
    )
    events_days: float = knob(
        PREFIX + "EVENTS_DAYS", 90.0, "Days that events are kept. 0: for ever.", ge=0
    )
    ledger_days: float = knob(
        PREFIX + "LEDGER_DAYS", 730.0, "Days that the ledger of calls is kept. 0: for ever.", ge=0
    )
    concurrency: int = knob(
        PREFIX + "CONCURRENCY", 32, "Jobs in progress at once in one worker process.", ge=1, le=2000
    )
    claim_limit: int = knob(
        PREFIX + "CLAIM_LIMIT", 3, "Jobs taken from the queue by one claim.", ge=1, le=1000
    )
    lease_seconds: float = knob(
        PREFIX + "LEASE_SECONDS",
        30.0,
        "A job whose worker is silent for this long is taken away from it.",
        ge=0.5,
        le=3600,
    )
    poll_seconds: float = knob(
        PREFIX + "POLL_SECONDS",
        2.0,
        "Longest time between two looks at the queue of a worker that cannot LISTEN.",
        gt=0,
        le=300,
    )
    drain_seconds: float = knob(
        PREFIX + "DRAIN_SECONDS",
        20.0,
        "Time that running jobs get at shutdown before they are handed back.",
        ge=0,
        le=3600,
    )
    row_owner_column: str | None = knob(
        PREFIX + "ROW_OWNER_COLUMN",
        None,
        "Column of model_rows that names the owner. Default: user_id, or created_by.",
        pattern="^[a-z_][a-z0-9_]*$",
    )
    cron_budget_seconds: float = knob(
        PREFIX + "CRON_BUDGET_SECONDS",
        50.0,
        "Time that one call of the cron route may work.",
        gt=0,
        le=3600,
    )
    metrics_port: int | None = knob(
        PREFIX + "METRICS_PORT",
        None,
        "Port at which a worker answers GET /metrics; 0: any that is free, which the log names. "
        "`up` gives its second worker the next one, and so on. Default: none.",
        ge=0,
        le=65535,
    )
    metrics_host: str = knob(
        PREFIX + "METRICS_HOST",
        "127.0.0.1",
        "Address at which it answers. There is no password, and no user, job or address in it.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = knob(
        PREFIX + "LOG_LEVEL", "info", "Least severe line that is logged."
    )
    log_format: Literal["console", "json"] = knob(
        PREFIX + "LOG_FORMAT", "console", "Form of the log lines."
    )

    @field_validator("models", mode="before")
    @classmethod
    def _split_models(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("models")
    @classmethod
    def _need_a_model(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("name at least one model, for example grok-4.7")
        return value

    @field_validator("xai_api_base", "wavespeed_api_base", "public_url", "supabase_url")
    @classmethod
    def _need_http_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("write a full URL, for example https://api.x.ai/v1")
        return value.rstrip("/")

    @field_validator(
        "xai_api_key", "wavespeed_api_key", "database_url", "cron_secret", "supabase_service_key"
    )
    @classmethod
    def _blank_is_absent(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value and value.get_secret_value().strip() else None

    @model_validator(mode="after")
    def _refuse_open_doors(self) -> Self:
        if self.host in LOOPBACK_HOSTS:
            return self
        if not self.asks_for_tokens:
            raise ValueError(
                f"{PREFIX}HOST={self.host} is not a loopback address, and without an identity "
                "anybody on the network could spend your money. Set SUPABASE_URL for the access "
                f"tokens of your users, or {PREFIX}IDENTITY=tokens and make keys with "
                "`prompt-queue keys create`; else bind 127.0.0.1"
            )
        if self.host in {"0.0.0.0", "::"} and self.public_url is None:  # noqa: S104
            raise ValueError(
                f"{PREFIX}HOST={self.host} is no address that clients can use; set "
                f"{PREFIX}PUBLIC_URL to the one that they do"
            )
        return self

    @model_validator(mode="after")
    def _need_an_issuer(self) -> Self:
        if self.supabase_jwt_secret and self.asks_for_tokens and self.issuer is None:
            raise ValueError(
                "SUPABASE_JWT_SECRET is set without SUPABASE_URL, so that nobody knows whose "
                f"tokens to accept; set SUPABASE_URL, or {PREFIX}TOKEN_ISSUER"
            )
        return self

    @property
    def base_url(self) -> str:
        """Where clients reach the server, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def asks_for_tokens(self) -> bool:
        """True where requests have to show an access token or an API key."""
        if self.identity != "auto":
            return self.identity == "tokens"
        return self.supabase_url is not None or self.supabase_jwt_secret is not None

    @property
    def issuer(self) -> str | None:
        """`iss` of access tokens; None where none are accepted."""
        return self.token_issuer or (
            f"{self.supabase_url}/auth/v1" if self.supabase_url is not None else None
        )

    @property
    def identity_sentence(self) -> str:
        """Who is served, for whoever starts the server."""
        if not self.asks_for_tokens:
            return "NO LOGIN: whoever reaches this loopback address is the one local user"
        if self.issuer is None:
            return "API keys; make one with: prompt-queue keys create"
        why = ""
        if self.identity == "auto" and self.supabase_jwt_secret is None:
            why = f" (as SUPABASE_URL is set; {PREFIX}IDENTITY=local serves the local user instead)"
        return f"access tokens of {self.issuer} and API keys{why}"

    @property
    def demo_mode(self) -> bool:
        """True on the embedded database while no identity is configured."""
        return self.database_url is None and not self.asks_for_tokens
