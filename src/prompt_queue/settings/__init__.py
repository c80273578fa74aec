"""Every knob, read once. Only `cli`, `asgi` and `worker/run.py` do; the rest gets plain values."""

from prompt_queue.settings.knobs import PREFIX
from prompt_queue.settings.loading import (
    PROCESS_VARIABLES,
    SettingsError,
    known_variables,
    load_settings,
    unknown_variables,
    variable_name,
)
from prompt_queue.settings.model import (
    DEMO_MODEL_ID,
    DEMO_ROW_ID,
    DEMO_USER_ID,
    LOOPBACK_HOSTS,
    Settings,
)
from prompt_queue.settings.secrets import secrets_of

__all__ = [
    "DEMO_MODEL_ID",
    "DEMO_ROW_ID",
    "DEMO_USER_ID",
    "LOOPBACK_HOSTS",
    "PREFIX",
    "PROCESS_VARIABLES",
    "Settings",
    "SettingsError",
    "known_variables",
    "load_settings",
    "secrets_of",
    "unknown_variables",
    "variable_name",
]
