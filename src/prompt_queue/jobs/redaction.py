"""What is taken out of texts that others wrote before they are kept or shown: pure."""

import re
from collections.abc import Collection
from typing import Final

HIDDEN: Final = "***"

_SECRETS: Final = re.compile(
    r"(?i)(xai-[\w-]{4,}|bearer\s+\S+|\bbasic\s+[\w+/=-]{12,}|(?<![a-z])sk-[\w-]{8,}|sb_secret_\w+"
    r"|whsec_[\w+/=-]+|eyJ[\w-]+\.[\w-]+\.[\w-]*|pq_[0-9a-f]{12}_\w+|pqt_[\w-]+)"
    # The last part of these addresses is what opens them.
    r"|(?<=/files/)[\w.-]+|(?<=/webhooks/wavespeed/)[\w.-]+"
    # A password may hold an @ itself: the last one before the path ends it.
    r"|(?<=\?)\S+|//[^/\s]*@|\b(?:password|passwd|pwd|api_?key|secret)\s*[=:]\s*\S+"
)
_FEWEST_CHARACTERS: Final = 6
_READ_BEHIND: Final = 4000


def redact(text: str, limit: int = 300) -> str:
    """A provider's text without keys, credentials and URL queries, at most `limit` long."""
    # The patterns take their time on long texts; half a secret at the end is found all the same.
    read = text[: limit + _READ_BEHIND]
    clean = "".join(char if char.isprintable() else " " for char in read)
    return _SECRETS.sub(HIDDEN, clean)[:limit]


def without(text: str, secrets: Collection[str]) -> str:
    """The text without these values, whatever they look like.

    What is too short to be a secret stays: it would be found within common words.
    """
    for secret in secrets:
        if len(secret) >= _FEWEST_CHARACTERS:
            text = text.replace(secret, HIDDEN)
    return text


def escaped(text: str) -> str:
    """The text in one line that steers no terminal: each other character as Python writes it."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
