"""Which paths of the picture storage a user may name: `bucket/path`, below what is allowed."""

import re
from collections.abc import Iterable
from uuid import UUID

from prompt_queue.guards.urls import UrlRefused

OWNER = "{user_id}"
"""Stands for the id of the job's user in an allowed beginning."""

LONGEST_PATH = 1024
"""Characters that a path may have."""

_SEGMENT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_ !.*'()&$@=;:+,-]*[A-Za-z0-9_!*'()&$@=;:+,-])?")


def is_storage_path(text: str) -> bool:
    """True for what is meant as a path of the storage and not as a URL."""
    return "://" not in text and "/" in text and not text.startswith(("/", "\\"))


class StoragePaths:
    """The service key opens everything, so the beginnings decide what a user gets to see.

    Each is a bucket and folders, for example `pictures/{user_id}/`: each user's own folder.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = tuple(allowed)

    def check(self, text: str, user_id: UUID) -> str:
        """The path, if this user may name it. Raises UrlRefused with a sentence for the user."""
        segments = text.split("/")
        if len(text) > LONGEST_PATH or not all(_SEGMENT.fullmatch(part) for part in segments):
            raise UrlRefused(
                "The path in the picture storage contains a character or a part that is not "
                "allowed; write bucket/folder/name."
            )
        beginnings = (entry.replace(OWNER, str(user_id)) for entry in self._allowed)
        if not any(text.startswith(beginning) for beginning in beginnings):
            raise UrlRefused("The path leads to a part of the picture storage that is not yours.")
        return text
