"""Pictures in a public bucket of Supabase Storage, each under the SHA-256 of its bytes.

`POST /storage/v1/object/{bucket}/{path}` takes the bytes; a public bucket shows them at
`/storage/v1/object/public/{bucket}/{path}`; see the reference of the Supabase Storage API.
"""

import asyncio
import logging
from typing import BinaryIO
from urllib.parse import quote

import aiohttp

from prompt_queue.jobs.errors import Misconfigured, Transient
from prompt_queue.jobs.pictures import EXTENSIONS

_SECONDS = 60.0

logger = logging.getLogger(__name__)


class PublicBucket:
    """`session` comes from `guards.egress.provider_session` for `base`, the project's URL."""

    def __init__(
        self, session: aiohttp.ClientSession, base: str, service_key: str, bucket: str
    ) -> None:
        self._session = session
        self._base = f"{base.rstrip('/')}/storage/v1/object"
        self._headers = {"Authorization": f"Bearer {service_key}", "apikey": service_key}
        self._bucket = quote(bucket, safe="")

    async def save(self, file: BinaryIO, sha256: str, media_type: str) -> str:
        """Keep the bytes of a file and return their address; the same bytes always have the same.

        `sha256` is theirs, in hex. The file is sent piece by piece, and may be closed afterwards.
        Raises Misconfigured where key or bucket are not accepted, Transient for faults.
        """
        path = f"{self._bucket}/{sha256}.{EXTENSIONS[media_type]}"
        headers = self._headers | {"Content-Type": media_type, "x-upsert": "true"}
        file.seek(0)
        try:
            async with (
                asyncio.timeout(_SECONDS),
                self._session.post(
                    f"{self._base}/{path}", data=file, headers=headers, allow_redirects=False
                ) as response,
            ):  # fmt: skip
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            logger.warning("the picture storage did not answer: %s", type(error).__name__)
            raise Transient("The picture storage could not be reached.") from error
        if 200 <= status < 300:
            return f"{self._base}/public/{path}"
        logger.warning("the picture storage answered %s to an upload", status)
        if 400 <= status < 500 and status not in {408, 429}:
            raise Misconfigured(
                "The picture storage did not take the picture; the operator has to look at it."
            )
        raise Transient("The picture storage could not be reached.")
