"""Writes docs/configuration.md and .env.example from `prompt_queue.settings.Settings`.

`python tools/configuration_docs.py` writes them; with `--check` it exits 1 if they have drifted.
"""

import sys
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from prompt_queue.settings import PROCESS_VARIABLES, Settings, variable_name

ROOT = Path(__file__).parent.parent
DOCS = "docs/configuration.md"
EXAMPLE = ".env.example"

GROUPS = {
    "Providers": (
        "xai_api_key",
        "xai_api_base",
        "models",
        "reasoning_effort",
        "streaming",
        "rate_tier",
        "rate_limits",
        "attempt_timeout_seconds",
        "attempt_timeout_max_seconds",
        "stand_in",
    ),
    "Pictures from prompts": (
        "wavespeed_api_key",
        "wavespeed_api_base",
        "wavespeed_level",
        "wavespeed_webhook_secret",
        "picture_stand_in",
        "picture_model",
        "picture_seconds",
        "reconcile_seconds",
        "job_words",
        "row_words",
        "output_bucket",
        "require_idempotency_key",
    ),
    "Database": (
        "database_url",
        "database_direct_url",
        "data_dir",
        "seed_demo",
        "row_owner_column",
    ),
    "Queue": ("ageing_seconds",),
    "Users": (
        "user_in_flight_cap",
        "user_queued",
        "user_requests_per_second",
        "user_pictures_per_day",
        "user_usd_per_day",
        "user_streams",
        "most_streams",
        "most_queued",
        "most_waiting_seconds",
    ),
    "Retention": ("jobs_days", "events_days", "ledger_days"),
    "HTTP server": (
        "host",
        "port",
        "public_url",
        "allowed_hosts",
        "allowed_origins",
        "cron_secret",
        "cron_budget_seconds",
    ),
    "Identity": (
        "identity",
        "supabase_jwt_secret",
        "token_issuer",
        "local_user_id",
    ),
    "Cache": ("cache_seconds", "cache_shared"),
    "Webhooks": (
        "trusted_webhook_hosts",
        "webhook_concurrency",
        "webhook_seconds",
        "webhook_base_seconds",
        "webhook_tries",
        "webhook_disable_days",
    ),
    "Pictures": (
        "image_mode",
        "trusted_image_hosts",
        "upload_max_bytes",
        "upload_link_seconds",
        "supabase_url",
        "supabase_service_key",
        "storage_paths",
        "signed_url_seconds",
    ),
    "Workers": (
        "workers",
        "concurrency",
        "claim_limit",
        "lease_seconds",
        "poll_seconds",
        "drain_seconds",
    ),
    "Retries": (
        "max_retries",
        "job_seconds",
        "outage_seconds",
        "retry_base_delay_ms",
        "retry_max_delay_ms",
        "retry_multiplier",
        "retry_jitter",
    ),
    "Alerts": ("alert_thresholds",),
    "Metrics of workers": ("metrics_port", "metrics_host"),
    "Log": ("log_level", "log_format"),
}

PROCESSES = {
    "PROMPT_QUEUE_POSTGRES_USER": "When started by root: the unprivileged account that the "
    "embedded PostgreSQL runs under. Default: the owner of the cluster that is there, else "
    "`postgres`, `_postgres` or `nobody`.",
    "PROMPT_QUEUE_FAILPOINTS": "For fault injection, never in production: where the process dies, "
    "freezes or stalls (`prompt_queue/failpoints.py`).",
    "PROMPT_QUEUE_LIFELINE_FD": "Set by `up` for the processes that it starts, so that they end "
    "with it. Not to be set by hand.",
    "PROMPT_QUEUE_STAND_IN_KEY": "The one key that a stand-in accepts. Set by `up` for those "
    "that it starts; by hand for `prompt-queue simulate`.",
}

# Defaults that are worked out when the program starts.
SPOKEN_DEFAULTS = {
    "data_dir": "`~/.local/share/prompt-queue`, for root `/var/lib/prompt-queue`",
    "public_url": "host and port",
}
SET_BY_UP = frozenset({"stand_in"})

UNITS = {"_seconds": "seconds", "_ms": "milliseconds", "_bytes": "bytes"}

INTRODUCTION = """\
# Configuration

Generated from `prompt_queue.settings.Settings` by `make docs`; do not edit it here.

Settings are environment variables. A file `.env` in the working directory is read too; a variable
of the environment wins over the file, and an option of the command line over both. A variable that
begins with `PROMPT_QUEUE_` and is not in this list stops the program, with the nearest name. Keys,
secrets and connection strings are never logged.

`DATABASE_URL` may name any PostgreSQL from 15 to 18, also behind a pooler in transaction mode. Give
`DATABASE_DIRECT_URL` as well if there is a way round the pooler: workers then hear of new jobs at
once instead of at the next poll.
"""


class DocumentationError(Exception):
    """A setting has no place in the page; the message names it."""


def kind_of(name: str, field: FieldInfo) -> str:
    """What a value looks like: its unit, its choices or its type, in words."""
    for suffix, unit in UNITS.items():
        if name.endswith(suffix):
            return unit
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    words = {
        "bool": "`true` or `false`",
        "int": "whole number",
        "float": "number",
        "UUID": "UUID",
        "tuple": "comma list",
        "Path": "folder",
    }
    text = str(field.annotation)
    if "SecretStr" in text:
        return "connection string" if name.startswith("database") else "secret"
    if name.endswith(("_url", "_base")):
        return "URL"
    return next((words[word] for word in words if word in text), "text")


def limits_of(field: FieldInfo) -> str:
    """The range of a number, such as `1 to 64`, or an empty text."""
    bounds = {
        sign: getattr(rule, sign)
        for rule in field.metadata
        for sign in ("ge", "gt", "le")
        if getattr(rule, sign, None) is not None
    }
    low = f"above {bounds['gt']}" if "gt" in bounds else f"{bounds.get('ge', '')}"
    if "le" in bounds:
        return f"{low}{' to ' if 'ge' in bounds else ', at most '}{bounds['le']}"
    return f"at least {low}" if "ge" in bounds else low


def default_of(field: FieldInfo) -> str:
    """The default as one would write it into the environment; empty if there is none."""
    value = field.default
    if value is None or isinstance(value, SecretStr):
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def grouped_fields() -> dict[str, dict[str, FieldInfo]]:
    """Group -> fields in order. Raises DocumentationError unless every setting is in one group."""
    listed = [name for names in GROUPS.values() for name in names]
    wrong = sorted(set(listed) ^ set(Settings.model_fields))
    if wrong or len(set(listed)) != len(listed):
        raise DocumentationError(f"put into exactly one of GROUPS: {', '.join(wrong)}")
    if set(PROCESSES) != PROCESS_VARIABLES:
        raise DocumentationError("PROCESSES must describe each of PROCESS_VARIABLES")
    return {
        group: {name: Settings.model_fields[name] for name in names}
        for group, names in GROUPS.items()
    }


def configuration_page() -> str:
    """The text of docs/configuration.md. Raises DocumentationError."""
    parts = [INTRODUCTION]
    for group, fields in grouped_fields().items():
        parts += [
            f"\n## {group}\n",
            "| variable | default | value | meaning |",
            "|---|---|---|---|",
        ]
        for name, field in fields.items():
            default = default_of(field)
            value = ", ".join(filter(None, (kind_of(name, field), limits_of(field))))
            cells = (
                f"`{variable_name(name)}`",
                f"`{default}`" if default else SPOKEN_DEFAULTS.get(name, ""),
                value,
                (field.description or "").replace("|", "\\|"),
            )
            parts.append(f"| {' | '.join(cells)} |")
        parts.append("")
    parts += ["\n## Of single processes\n", "| variable | meaning |", "|---|---|"]
    parts += [f"| `{name}` | {meaning} |" for name, meaning in PROCESSES.items()]
    text = "\n".join(parts) + "\n"
    return text.replace("\n\n\n", "\n\n").replace("|  |", "| |")


def example_file() -> str:
    """The text of .env.example: what a person may set, commented out. Raises DocumentationError."""
    parts = ["# Copy this file to .env and fill in what you need. Generated by `make docs`.", ""]
    for group, fields in grouped_fields().items():
        parts.append(f"## {group}")
        for name, field in fields.items():
            if name in SET_BY_UP:
                continue
            parts += [f"# {field.description}", f"#{variable_name(name)}={default_of(field)}"]
        parts.append("")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write the two files, or compare them; returns the exit code."""
    drifted = 0
    for name, text in {DOCS: configuration_page(), EXAMPLE: example_file()}.items():
        path = ROOT / name
        if path.is_file() and path.read_text("utf-8") == text:
            continue
        if "--check" in arguments:
            print(f"{name} is not what the settings say; run make docs", file=sys.stderr)
            drifted = 1
        else:
            path.write_text(text, "utf-8")
            print(f"wrote {name}")
    return drifted


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
