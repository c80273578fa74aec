"""Pictures that were made: fetched through the guard, looked at, and put into our own storage."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Protocol

from prompt_queue.failpoints import reached
from prompt_queue.guards.egress import GuardedSession, fetch_picture
from prompt_queue.guards.images import PictureRefused, inspect_picture, thumbnail
from prompt_queue.guards.urls import UrlRefused, parse_picture_url
from prompt_queue.jobs.errors import BadInput, Transient
from prompt_queue.jobs.picture import SavedPicture

MOST_OUTPUT_BYTES = 64 * 1024 * 1024
_SAVED_AT_ONCE = 2
_SECONDS = 60.0
_ROLE = "picture that was made"


class Outputs(Protocol):
    """Where pictures stay."""

    async def save(self, data: bytes, media_type: str) -> str:
        """Keep the bytes and return an address that stays. Raises Transient."""
        ...


class OutputSaver:
    """`session` reaches public hosts, and the provider's own; none of them is sent our key."""

    def __init__(self, session: GuardedSession, outputs: Outputs) -> None:
        self._session = session
        self._outputs = outputs
        # Each may take 64 MB as a file, and more while its thumbnail is made.
        self._saving = asyncio.Semaphore(_SAVED_AT_ONCE)

    async def save_all(self, urls: Sequence[str]) -> list[SavedPicture]:
        """The outputs in our storage. Raises Transient, BadInput for what is no picture."""
        async with self._saving:
            return [await self._save(url) for url in urls]

    async def _save(self, url: str) -> SavedPicture:
        try:
            address = parse_picture_url(url, trusted=self._session.trusted_hosts)
        except UrlRefused:
            raise BadInput(
                "The picture service named an address that is not allowed; the operator has to "
                "look at it."
            ) from None
        data = await fetch_picture(
            self._session, address, _ROLE, max_bytes=MOST_OUTPUT_BYTES, seconds=_SECONDS
        )
        try:
            facts = inspect_picture(data)
            small = await asyncio.to_thread(thumbnail, data)
        except PictureRefused:
            raise Transient(
                "The picture that was made could not be read; it is fetched again."
            ) from None
        saved = await self._outputs.save(data, facts.media_type)
        saved_small = await self._outputs.save(small, "image/jpeg")
        reached("picture.saved")
        return SavedPicture(
            url=saved,
            thumbnail_url=saved_small,
            media_type=facts.media_type,
            width=facts.width,
            height=facts.height,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )
