"""A scripted server in the shape of xAI, for one test at a time."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "xai-very-secret-key-0123456789"
PROMPT = (
    "Replace the grey jacket with the red wool coat from reference image 1, keeping the pose, "
    "the framing, the soft window light and the identity of the person unchanged."
)

Script = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


def completion(text: str | None = PROMPT, model: str = "grok-4.7", **more: Any) -> web.Response:
    """A reply as xAI gives it."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
    }
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    body = {"model": model, "choices": [choice | more], "usage": usage}
    return web.json_response(body)


def failing(status: int, error: str = "", **headers: str) -> web.Response:
    """A flat error."""
    return web.json_response({"code": "x", "error": error}, status=status, headers=headers)


@dataclass
class FakeGrok:
    """What the server saw, and where it is."""

    base: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    on_request: Callable[[], None] = lambda: None

    @property
    def models(self) -> list[str]:
        return [request["model"] for request in self.requests]


@asynccontextmanager
async def fake_grok(script: Script) -> AsyncIterator[FakeGrok]:
    """Serves /v1/chat/completions with the given script on a free loopback port."""

    async def handle(request: web.Request) -> web.StreamResponse:
        fake.on_request()
        body = json.loads(await request.read())
        fake.requests.append(body)
        fake.headers.append(dict(request.headers))
        try:
            return await script(request, body)
        except asyncio.CancelledError:
            fake.gone.set()
            raise

    app = web.Application(client_max_size=50 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake = FakeGrok(base="http://{}:{}/v1".format(*runner.addresses[0][:2]))
    try:
        yield fake
    finally:
        await runner.cleanup()


def always(*replies: Callable[[], web.Response]) -> Script:
    """One reply after another, the last one for ever."""
    left = list(replies)

    async def script(request: web.Request, body: dict[str, Any]) -> web.Response:
        return (left.pop(0) if len(left) > 1 else left[0])()

    return script


async def hang(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """Never answers."""
    await asyncio.sleep(60)
    raise AssertionError("nobody waits that long")
