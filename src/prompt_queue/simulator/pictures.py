"""Gets every picture of a request, over the network or out of a data URI, and looks at it."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import aiohttp
from yarl import URL

from prompt_queue.simulator import decoding, errors
from prompt_queue.simulator.addresses import GuardedResolver, check_image_url
from prompt_queue.simulator.chat import ImageSource
from prompt_queue.simulator.decoding import MAX_BYTES, UnreadablePictureError
from prompt_queue.simulator.eyes import Sighting

USER_AGENT = "XaiImageApiFetch/1.0"
FETCH_SECONDS = 5.0
FETCHES_AT_ONCE = 100
EYES = 2
REMEMBERED = 2_000


@dataclass(frozen=True)
class Picture:
    """One picture of a request: the hash of its bytes and what was seen in it."""

    sha256: str
    seen: Sighting
    detail: str


class Pictures:
    """Fetches on every request; decodes in two threads, and equal bytes only once."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._fetches = asyncio.Semaphore(FETCHES_AT_ONCE)
        self._eyes = ThreadPoolExecutor(EYES, thread_name_prefix="stand-in-eyes")
        self._seen: OrderedDict[str, Sighting] = OrderedDict()

    @classmethod
    def open(cls) -> Self:
        """Make one with a session of its own; needs a running event loop."""
        connector = aiohttp.TCPConnector(
            resolver=GuardedResolver(), limit=0, force_close=True, use_dns_cache=False
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            auto_decompress=False,
        )
        return cls(session)

    async def close(self) -> None:
        """Close the session and let the threads go."""
        self._eyes.shutdown(wait=False, cancel_futures=True)
        await self._session.close()

    async def get_all(self, sources: Sequence[ImageSource]) -> list[Picture]:
        """Get and read every picture, in order.

        Raises the `errors.ApiError` of the first one that failed: one bad picture fails the call.
        """
        for source in sources:
            if not source.url.startswith("data:"):
                check_image_url(source.url)
        results = await asyncio.gather(*map(self._get, sources), return_exceptions=True)
        pictures: list[Picture] = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            pictures.append(result)
        return pictures

    async def _get(self, source: ImageSource) -> Picture:
        loop = asyncio.get_running_loop()
        inline = source.url.startswith("data:")
        if inline:
            data, kind = await loop.run_in_executor(
                self._eyes, decoding.decode_data_uri, source.url
            )
        else:
            data, kind = await self._download(source.url), ""
        try:
            sha256, seen = await self._look(data)
        except UnreadablePictureError:
            raise (
                errors.invalid_picture(kind) if inline else errors.downloaded_no_picture()
            ) from None
        return Picture(sha256, seen, source.detail)

    async def _look(self, data: bytes) -> tuple[str, Sighting]:
        sha256 = hashlib.sha256(data).hexdigest()
        seen = self._seen.get(sha256)
        if seen is None:
            loop = asyncio.get_running_loop()
            seen = await loop.run_in_executor(self._eyes, decoding.see, data)
            self._seen[sha256] = seen
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return sha256, seen

    async def _download(self, url: str) -> bytes:
        async with self._fetches:
            try:
                async with asyncio.timeout(FETCH_SECONDS):
                    return await self._fetch(url)
            except TimeoutError:
                raise errors.fetch_failed(
                    f"no complete answer within {FETCH_SECONDS:g} seconds."
                ) from None
            except (aiohttp.ClientError, OSError, ValueError):
                raise errors.fetch_failed("the host could not be reached.") from None

    async def _fetch(self, url: str) -> bytes:
        async with self._session.get(URL(url), allow_redirects=False) as response:
            if response.status != 200:
                raise errors.fetch_status(response.status)
            data = bytearray()
            async for chunk in response.content.iter_chunked(65_536):
                data += chunk
                if len(data) > MAX_BYTES:
                    raise errors.picture_out_of_bounds(f"it is larger than {MAX_BYTES} bytes.")
            return bytes(data)
