"""Webhooks as WaveSpeed sends them: signed, perhaps late, twice, tampered with, or not at all."""

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from prompt_queue.simulator.wavespeed.faults import Fault

_TRIES = 4
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def headers_of(secret: str, body: bytes, webhook_id: str, now: int) -> dict[str, str]:
    """Id, time and signature: HMAC-SHA256 over the three, keyed with the secret as plain text."""
    key = secret.removeprefix("whsec_").encode()
    signed = hmac.new(key, f"{webhook_id}.{now}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v3,{signed}",
        "Content-Type": "application/json",
    }


class Webhooks:
    """Sends to loopback alone: a stand-in calls nobody else's servers."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        self._sending: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Send no more."""
        for task in self._sending:
            task.cancel()
        await self._session.close()

    def tell(self, url: str, document: dict[str, Any], fault: Fault | None) -> None:
        """Begin to send what became of a task."""
        kind = fault.fault if fault else ""
        if kind == "no_webhook" or urlsplit(url).hostname not in _LOOPBACK:
            return
        task = asyncio.create_task(self._tell(url, document, fault))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _tell(self, url: str, document: dict[str, Any], fault: Fault | None) -> None:
        kind = fault.fault if fault else ""
        if fault and kind == "late_webhook":
            await asyncio.sleep(fault.seconds)
        body = json.dumps(document).encode()
        headers = headers_of(self.secret, body, uuid.uuid4().hex, int(time.time()))  # noqa: TID251
        if kind == "bad_signature":
            headers["webhook-signature"] = "v3," + "0" * 64
        if kind == "tampered":
            body = body.replace(b'"completed"', b'"failed"   ')
        for _ in range(2 if kind == "twice" else 1):
            await self._deliver(url, body, headers)

    async def _deliver(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        for attempt in range(_TRIES):
            try:
                async with self._session.post(url, data=body, headers=headers) as response:
                    if response.status < 500:
                        return
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass
            await asyncio.sleep(0.5 * 2**attempt)
