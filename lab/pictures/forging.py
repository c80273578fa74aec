"""Webhooks of our own making while pictures are made: forged, for others, old, repeated."""

import asyncio
import json
import random
import uuid
from collections import Counter

import aiohttp
from tests.e2e.stack import Stack

from prompt_queue.guards.callbacks import CALLBACK_PATH, CallbackSigner, signature_of
from prompt_queue.storage.keyfile import read_or_make_key
from prompt_queue.worker.picture_access import LINK_KEY

PAUSE_SECONDS = 0.15
_NEWEST = """
select c.call_id, extract(epoch from clock_timestamp())::bigint as now
from public.provider_calls c where c.leg = 'picture' order by c.started_at desc limit 20
"""


class Forger:
    """Counts what it sent and how it was answered."""

    def __init__(self, session: aiohttp.ClientSession, stack: Stack, secret: str) -> None:
        self._session = session
        self._stack = stack
        self._secret = secret
        self._signer = CallbackSigner(read_or_make_key(stack.data_dir / LINK_KEY))
        self._over = asyncio.Event()
        self.answers: Counter[tuple[str, int]] = Counter()

    async def stop(self) -> None:
        """Send no more."""
        self._over.set()

    async def run(self) -> None:
        """Send until told to stop."""
        dice = random.Random(7)
        while not self._over.is_set():
            rows = await self._stack.sql(_NEWEST)
            if rows:
                row = dice.choice(rows)
                kind = dice.choice(("wrong key", "old", "altered", "no signature", "not ours"))
                await self._send(kind, row["call_id"], int(row["now"]))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _send(self, kind: str, call_id: uuid.UUID, now: int) -> None:
        body = json.dumps({"id": uuid.uuid4().hex, "status": "completed"}).encode()
        name, at = uuid.uuid4().hex, now - (600 if kind == "old" else 0)
        secret = "whsec_guessed" if kind == "wrong key" else self._secret
        headers = {
            "webhook-id": name, "webhook-timestamp": str(at),
            "webhook-signature": signature_of(secret, name, str(at), body),
        }  # fmt: skip
        if kind == "no signature":
            del headers["webhook-signature"]
        if kind == "altered":
            body += b" "
        token = self._signer.token(call_id) if kind != "not ours" else "A" * 43
        async with self._session.post(
            f"{self._stack.base}{CALLBACK_PATH}{token}", data=body, headers=headers
        ) as response:
            self.answers[kind, response.status] += 1
