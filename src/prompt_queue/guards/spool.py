"""Pictures that are too large for the memory: fetched into a file that has no name."""

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from prompt_queue.guards.egress import GuardedSession, stream_picture
from prompt_queue.guards.urls import PictureUrl
from prompt_queue.jobs.errors import Transient

NO_ROOM = "There is no room for the picture at present."

_BLOCK = 1024 * 1024
"""Bytes that are written at once: a thread for every piece of 64 KB would cost more than they."""


@dataclass(frozen=True, slots=True)
class SpooledPicture:
    """A picture in an open file; size in bytes, hash in hex."""

    file: BinaryIO
    size: int
    sha256: str


@contextlib.asynccontextmanager
async def spooled_picture(
    session: GuardedSession,
    url: PictureUrl,
    role: str,
    folder: Path,
    *,
    max_bytes: int,
    seconds: float,
) -> AsyncIterator[SpooledPicture]:
    """The picture behind an address, in a file of `folder` that is gone when the block ends.

    The file has no name, so that not even a killed process leaves it behind. At most a few
    megabytes are in the memory. Raises as `stream_picture` does, and Transient for a full disk.
    """
    file = _nameless(folder)
    try:
        writer = _Writer(file)
        await stream_picture(session, url, role, writer.take, max_bytes=max_bytes, seconds=seconds)
        yield await writer.finished()
    finally:
        # In a thread: closing waits for a write that a cancelled task has left behind.
        await asyncio.to_thread(_close, file)


class _Writer:
    """Writes and hashes in threads, one block after another."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._block = bytearray()
        self._digest = hashlib.sha256()

    async def take(self, piece: bytes) -> None:
        self._block += piece
        if len(self._block) >= _BLOCK:
            await self._put()

    async def finished(self) -> SpooledPicture:
        await self._put()
        return SpooledPicture(self._file, self._file.tell(), self._digest.hexdigest())

    async def _put(self) -> None:
        block, self._block = self._block, bytearray()
        try:
            await asyncio.to_thread(self._write, block)
        except OSError as error:
            raise Transient(NO_ROOM) from error

    def _write(self, block: bytearray) -> None:
        self._digest.update(block)
        self._file.write(block)
        self._file.flush()


def _nameless(folder: Path) -> BinaryIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)  # mode 0600
    except OSError as error:
        raise Transient(NO_ROOM) from error


def _close(file: BinaryIO) -> None:
    # What a full disk did not take is tried once more, and is not wanted any longer.
    with contextlib.suppress(OSError):
        file.close()
