"""A receiver that fails in four ways, and remembers every call in the order of arrival."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

FAILURES = ("500 at once", "500 after it was taken", "connection cut", "no answer in time")
SLOW_SECONDS = 4.0


@dataclass(frozen=True)
class Call:
    """One call, and how it was answered: "good", or one of FAILURES."""

    subject: str
    number: int
    id: str
    body: bytes
    signed: bool
    answer: str


@dataclass
class Receiver:
    """Fails `share` of the calls, by a seeded die."""

    share: float
    dice: random.Random
    secret: str = ""
    host_port: str = ""
    calls: list[Call] = field(default_factory=list)

    async def _hear(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {k.lower(): v for k, v in request.headers.items()}
        answer = "good"
        if self.dice.random() < self.share:
            # Few are slow, or the run would wait for little else.
            answer = self.dice.choices(FAILURES, (10, 10, 10, 1))[0]
        data = json.loads(body)["data"]
        signed = self._is_signed(body, headers)
        self.calls.append(
            Call(data["subject"], data["n"], headers["webhook-id"], body, signed, answer)
        )
        if answer == "connection cut":
            assert request.transport is not None
            request.transport.abort()
        if answer == "no answer in time":
            await asyncio.sleep(SLOW_SECONDS)
        return web.Response(status=204 if answer == "good" else 500)

    def _is_signed(self, body: bytes, headers: dict[str, str]) -> bool:
        try:
            Webhook(self.secret).verify(body.decode(), headers)
        except WebhookVerificationError:
            return False
        return True


@asynccontextmanager
async def receiving(share: float, seed: int) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(share, random.Random(seed))
    app = web.Application()
    app.router.add_post("/hook", receiver._hear)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    receiver.host_port = f"{host}:{port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()
