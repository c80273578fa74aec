"""Signed URLs of Supabase Storage, kept until shortly before they expire.

`POST /storage/v1/object/sign/{bucket}/{path}` with `expiresIn` in seconds answers `signedURL`,
relative to `/storage/v1`; see the reference of the Supabase Storage API.
"""

import asyncio
import json
import logging
from collections import OrderedDict
from urllib.parse import quote

import aiohttp

from prompt_queue.jobs.errors import Misconfigured, Transient
from prompt_queue.storage.local import PictureMissing

_SECONDS = 5.0
_MOST_BYTES = 64 * 1024
_MOST_KEPT = 10_000
_RENEW_BEFORE = 0.25
"""Part of its life that a URL must still have, so that whoever gets it has time to use it."""

logger = logging.getLogger(__name__)


class SupabaseStorage:
    """Signs paths. Make it inside the event loop that uses it.

    `session` comes from `guards.egress.provider_session` for `base`, the project's URL, and stays
    the caller's to close. A signed URL opens for `lifetime` seconds.
    """

    def __init__(
        self, session: aiohttp.ClientSession, base: str, service_key: str, lifetime: float = 3600.0
    ) -> None:
        self._session = session
        self._base = f"{base.rstrip('/')}/storage/v1"
        self._headers = {"Authorization": f"Bearer {service_key}", "apikey": service_key}
        self._lifetime = lifetime
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._signing: dict[str, asyncio.Task[str]] = {}

    async def sign(self, path: str) -> str:
        """A URL for `bucket/path`; from the cache while it has a quarter of its life left.

        Raises PictureMissing, Misconfigured where the key is not accepted, Transient for faults.
        """
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(path)
        if kept and now < kept[0] - self._lifetime * _RENEW_BEFORE:
            self._kept.move_to_end(path)
            return kept[1]
        task = self._signing.get(path)
        if task is None:
            task = asyncio.create_task(self._sign(path))
            self._signing[path] = task
            task.add_done_callback(lambda _: self._signing.pop(path, None))
        # One request for all that wait; who stops waiting does not stop the others.
        return await asyncio.shield(task)

    async def _sign(self, path: str) -> str:
        asked_at = asyncio.get_running_loop().time()
        try:
            async with (
                asyncio.timeout(_SECONDS),
                self._session.post(
                    f"{self._base}/object/sign/{quote(path)}",
                    json={"expiresIn": round(self._lifetime)},
                    headers=self._headers,
                    allow_redirects=False,
                ) as response,
            ):
                status = response.status
                body = await response.content.read(_MOST_BYTES)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            logger.warning("the picture storage did not answer: %s", type(error).__name__)
            raise _unavailable() from error
        signed = _read_signed(status, body)
        self._kept[path] = (asked_at + self._lifetime, self._base + signed)
        self._kept.move_to_end(path)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return self._base + signed


def _read_signed(status: int, body: bytes) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    document = said if isinstance(said, dict) else {}
    # The storage answers most errors with 400 and tells the true status inside.
    true_status = str(document.get("statusCode", status))
    if status == 200:
        signed = document.get("signedURL")
        if isinstance(signed, str) and signed.startswith("/"):
            return signed
    elif true_status in {"401", "403"}:
        raise Misconfigured(
            "The picture storage did not accept the service key; the operator has to look at it."
        )
    elif true_status in {"400", "404"}:
        raise PictureMissing("There is no such picture in the storage.")
    logger.warning("the picture storage answered %s", true_status[:20])
    raise _unavailable()


def _unavailable() -> Transient:
    return Transient("The picture storage could not be reached; please try again later.")
