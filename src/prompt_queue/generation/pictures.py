"""From the address that a user gave to what Grok gets: a public URL, or the picture itself."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol
from uuid import UUID

from prompt_queue.generation.remembered import Remembered
from prompt_queue.generation.templates import Look
from prompt_queue.guards.egress import GuardedSession, fetch_picture
from prompt_queue.guards.images import (
    PictureFacts,
    PictureRefused,
    inspect_picture,
    shrink_for_inline,
)
from prompt_queue.guards.palette import main_colours
from prompt_queue.guards.recognition import (
    OwnPicture,
    PublicPicture,
    Recognition,
    SamplePicture,
    StoragePicture,
    TrustedPicture,
    classify,
)
from prompt_queue.guards.urls import PictureUrl, UrlRefused, parse_picture_url
from prompt_queue.jobs.errors import BadInput
from prompt_queue.storage.local import PictureMissing
from prompt_queue.storage.samples import read_sample

ImageMode = Literal["pass", "inline", "auto"]
"""What Grok is sent of a picture on the public internet: its address, or the picture itself.

auto: the address, and the picture once Grok could not fetch it. Others are always sent inline.
"""

_DECODED_AT_ONCE = 2
_REMEMBERED_BYTES = 64 * 1024 * 1024
_INLINED_BYTES = 32 * 1024 * 1024
_REMEMBERED_SECONDS = 600.0

Download = Callable[[GuardedSession, PictureUrl, str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class StorageDoor:
    """The way into the operator's storage: who signs, and a session that may go there alone."""

    signed: "SignsPaths"
    session: GuardedSession


class SignsPaths(Protocol):
    """Makes URLs that open for a while."""

    async def sign(self, path: str) -> str:
        """The URL. Raises PictureMissing, Misconfigured, Transient."""
        ...


class StoredPictures(Protocol):
    """Where our own pictures are."""

    def read(self, name: str) -> bytes:
        """The bytes; blocks. Raises PictureMissing."""
        ...


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was fetched and looked at. `public_url` is None for one that is private."""

    role: str
    data: bytes
    facts: PictureFacts
    sha256: str
    public_url: str | None


class PictureSource:
    """Fetches each picture once, through the guard. Make it inside the event loop that uses it."""

    def __init__(
        self,
        session: GuardedSession,
        stored: StoredPictures,
        recognition: Recognition,
        *,
        storage: StorageDoor | None = None,
        download: Download = fetch_picture,
    ) -> None:
        self._download = download
        self._session = session
        self._stored = stored
        self._recognition = recognition
        self._storage = storage
        # A decoded picture can take 120 MB; jobs are many, memory is not.
        self._decoding = asyncio.Semaphore(_DECODED_AT_ONCE)
        clock = asyncio.get_running_loop().time
        self._remembered: Remembered[str, Picture] = Remembered(
            _REMEMBERED_BYTES, _REMEMBERED_SECONDS, lambda picture: len(picture.data), clock
        )
        self._inlined: Remembered[str, str] = Remembered(
            _INLINED_BYTES, _REMEMBERED_SECONDS, len, clock
        )

    async def fetch(self, url: str, role: str, user_id: UUID) -> Picture:
        """The picture behind an address; a retry of the job finds it remembered.

        `role` says in words which picture it is: "target picture", "reference picture 2". Raises
        BadInput with a sentence that names it, or Transient where its server has a fault.
        """
        public_url = None
        try:
            kind = classify(url, user_id, self._recognition)
            known = self._remembered.get(url)
            if known is not None:
                return replace(known, role=role)
            match kind:
                case OwnPicture(name):
                    data = await asyncio.to_thread(self._stored.read, name)
                case SamplePicture(name):
                    data = await asyncio.to_thread(read_sample, name)
                case TrustedPicture(address):
                    data = await self._download(self._session, address, role)
                case StoragePicture(path):
                    data = await self._from_storage(path, role)
                case PublicPicture(address):
                    public_url = address.text
                    data = await self._download(self._session, address, role)
            facts, digest = await asyncio.to_thread(_look_at, data)
        except (UrlRefused, PictureMissing, PictureRefused) as error:
            raise _unusable(role, error) from error
        picture = Picture(role, data, facts, digest, public_url)
        self._remembered.keep(url, picture)
        return picture

    async def _from_storage(self, path: str, role: str) -> bytes:
        if self._storage is None:
            raise UrlRefused("There is no picture storage.")
        signed = await self._storage.signed.sign(path)
        address = parse_picture_url(signed, trusted=self._storage.session.trusted_hosts)
        return await self._download(self._storage.session, address, role)

    async def inline(self, picture: Picture) -> str:
        """A data URI of at most 2.4 megapixels. Raises BadInput for a damaged picture."""
        try:
            async with self._decoding:
                known = self._inlined.get(picture.sha256)
                if known is None:
                    known = await asyncio.to_thread(_data_uri, picture.data)
                    self._inlined.keep(picture.sha256, known)
                return known
        except PictureRefused as error:
            raise _unusable(picture.role, error) from error

    async def look_back(self, url: str) -> Look | None:
        """Size and main colours of a picture that is still remembered; touches no network."""
        known = self._remembered.get(url)
        if known is None:
            return None
        async with self._decoding:
            colours = await asyncio.to_thread(main_colours, known.data)
        return Look(known.facts.width, known.facts.height, colours)


def _look_at(data: bytes) -> tuple[PictureFacts, str]:
    return inspect_picture(data), hashlib.sha256(data).hexdigest()


def _data_uri(data: bytes) -> str:
    small, media_type = shrink_for_inline(data)
    return f"data:{media_type};base64,{base64.b64encode(small).decode('ascii')}"


def _unusable(role: str, error: Exception) -> BadInput:
    return BadInput(f"The {role} cannot be used. {error}")
