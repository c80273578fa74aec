"""The values that no line may show, whatever they look like."""

import re
from typing import Final
from urllib.parse import unquote

from pydantic import SecretStr

from prompt_queue.settings.model import Settings

_PASSWORDS: Final = (
    re.compile(r"//[^/?#]*?:([^/?#]*)@"),
    re.compile(r"[?&\s]password=([^&\s]+)"),
)


def secrets_of(settings: Settings) -> frozenset[str]:
    """Every secret of the settings; of connection strings their passwords too, as they are sent."""
    values = [getattr(settings, name) for name in type(settings).model_fields]
    whole = {v.get_secret_value() for v in values if isinstance(v, SecretStr)}
    parts = {found for text in whole for one in _PASSWORDS for found in one.findall(text)}
    return frozenset(value for value in whole | parts | set(map(unquote, parts)) if value.strip())
