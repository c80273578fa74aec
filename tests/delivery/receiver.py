"""A receiver of webhooks: a real server, that checks signatures with the library of the format."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

Answer = Callable[["Heard"], web.StreamResponse | None]


@dataclass(frozen=True)
class Heard:
    """One call."""

    path: str
    id: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """By the reference implementation; the time must be within five minutes."""
        try:
            Webhook(secret).verify(self.body.decode(), self.headers)
        except WebhookVerificationError:
            return False
        return True


@dataclass
class Receiver:
    """What was heard, and what is answered; `answer` None is 204."""

    host_port: str = ""
    heard: list[Heard] = field(default_factory=list)
    answer: Answer | None = None
    stalling: set[str] = field(default_factory=set)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/hook") -> str:
        return f"http://{self.host_port}{path}"

    async def _hear(self, request: web.Request) -> web.StreamResponse:
        headers = {k.lower(): v for k, v in request.headers.items()}
        heard = Heard(request.path, headers.get("webhook-id", ""), headers, await request.read())
        self.heard.append(heard)
        if request.path in self.stalling:
            await self.released.wait()
        found = self.answer(heard) if self.answer else None
        return found or web.Response(status=204)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{tail:.*}", receiver._hear)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.host_port = f"{host}:{port}"
    try:
        yield receiver
    finally:
        receiver.released.set()
        await runner.cleanup()
