"""From the address that a user gave to what Grok gets: a public URL, or the picture itself."""

import asyncio
import base64
from typing import Protocol

from prompt_queue.guards.egress import GuardedSession, fetch_picture
from prompt_queue.guards.images import PictureRefused, shrink_for_inline
from prompt_queue.guards.recognition import (
    OwnPicture,
    PublicPicture,
    SamplePicture,
    TrustedPicture,
    classify,
)
from prompt_queue.guards.signing import LinkSigner
from prompt_queue.guards.urls import UrlRefused
from prompt_queue.jobs.errors import BadInput
from prompt_queue.storage.local import PictureMissing
from prompt_queue.storage.samples import read_sample

_DECODED_AT_ONCE = 2


class StoredPictures(Protocol):
    """Where our own pictures are."""

    def read(self, name: str) -> bytes:
        """The bytes; blocks. Raises PictureMissing."""
        ...


class PictureSource:
    """Resolves addresses. Make it inside the event loop that uses it.

    `own_origin` is the base URL under which clients reach the server, `trusted` a set of
    `host:port` as `guards.urls.trusted_authorities` gives it.
    """

    def __init__(
        self,
        session: GuardedSession,
        stored: StoredPictures,
        signer: LinkSigner,
        own_origin: str,
        trusted: frozenset[str] = frozenset(),
    ) -> None:
        self._session = session
        self._stored = stored
        self._signer = signer
        self._own_origin = own_origin
        self._trusted = trusted
        # A decoded picture can take 120 MB; jobs are many, memory is not.
        self._decoding = asyncio.Semaphore(_DECODED_AT_ONCE)

    async def resolve(self, url: str, role: str) -> str:
        """A public URL to pass on, or a data URI.

        `role` says in words which picture it is: "target picture", "reference picture 2". Raises
        BadInput with a sentence that names it, or Transient where a trusted server has a fault.
        """
        try:
            kind = classify(
                url, signer=self._signer, own_origin=self._own_origin, trusted=self._trusted
            )
            match kind:
                case PublicPicture(address):
                    return address.text
                case OwnPicture(name):
                    data = await asyncio.to_thread(self._stored.read, name)
                case SamplePicture(name):
                    data = await asyncio.to_thread(read_sample, name)
                case TrustedPicture(address):
                    data = await fetch_picture(self._session, address, role)
            async with self._decoding:
                return await asyncio.to_thread(_data_uri, data)
        except (UrlRefused, PictureMissing, PictureRefused) as error:
            raise BadInput(f"The {role} cannot be used. {error}") from error


def _data_uri(data: bytes) -> str:
    small, media_type = shrink_for_inline(data)
    return f"data:{media_type};base64,{base64.b64encode(small).decode('ascii')}"
