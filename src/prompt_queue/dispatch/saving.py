"""Pictures that were made: fetched through the guard, looked at, and put into our own storage.

They may be large, so each is in a temporary file meanwhile, never whole in the memory.
"""

import asyncio
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from prompt_queue.failpoints import reached
from prompt_queue.guards.egress import GuardedSession
from prompt_queue.guards.images import PictureFacts, PictureRefused, inspect_picture, thumbnail
from prompt_queue.guards.spool import SpooledPicture, spooled_picture
from prompt_queue.guards.urls import UrlRefused, parse_picture_url
from prompt_queue.jobs.errors import BadInput, Transient
from prompt_queue.jobs.picture import SavedPicture

MOST_OUTPUT_BYTES = 64 * 1024 * 1024
_SAVED_AT_ONCE = 8
"""Each takes up to 64 MB of the disk and a few megabytes of memory."""

_DECODED_AT_ONCE = 2
"""Each takes up to 500 MB of memory: 40 million pixels, in copies where they are transparent."""

_SECONDS = 60.0
_ROLE = "picture that was made"


class Outputs(Protocol):
    """Where pictures stay."""

    async def save(self, file: BinaryIO, sha256: str, media_type: str) -> str:
        """Keep the bytes of a file and return an address that stays.

        `sha256` is theirs, in hex. The file may be closed. Raises Transient, Misconfigured.
        """
        ...


class OutputSaver:
    """`session` reaches public hosts, and the provider's own; none of them is sent our key.

    `folder` holds the temporary files; it should not lie in the memory, as `/tmp` may.
    """

    def __init__(self, session: GuardedSession, outputs: Outputs, folder: Path) -> None:
        self._session = session
        self._outputs = outputs
        self._folder = folder
        self._saving = asyncio.Semaphore(_SAVED_AT_ONCE)
        self._decoding = asyncio.Semaphore(_DECODED_AT_ONCE)

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
        async with spooled_picture(
            self._session, address, _ROLE, self._folder,
            max_bytes=MOST_OUTPUT_BYTES, seconds=_SECONDS,
        ) as picture:  # fmt: skip
            return await self._keep(picture)

    async def _keep(self, picture: SpooledPicture) -> SavedPicture:
        try:
            async with self._decoding:
                facts, small = await asyncio.to_thread(_look_at, picture.file)
        except PictureRefused:
            raise Transient(
                "The picture that was made could not be read; it is fetched again."
            ) from None
        saved = await self._outputs.save(picture.file, picture.sha256, facts.media_type)
        saved_small = await self._outputs.save(
            io.BytesIO(small), hashlib.sha256(small).hexdigest(), "image/jpeg"
        )
        reached("picture.saved")
        return SavedPicture(
            url=saved,
            thumbnail_url=saved_small,
            media_type=facts.media_type,
            width=facts.width,
            height=facts.height,
            size=picture.size,
            sha256=picture.sha256,
        )


def _look_at(file: BinaryIO) -> tuple[PictureFacts, bytes]:
    return inspect_picture(file), thumbnail(file)
