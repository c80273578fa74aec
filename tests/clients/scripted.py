"""A server that does exactly what a test says, request by request."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Step = Callable[[web.Request], Awaitable[web.StreamResponse]]
JOB_ID = "019ab4c2-7d1e-7c33-8f20-5b1d6a9e4c10"


@dataclass(frozen=True)
class Seen:
    """A request that arrived, and when by the loop's clock."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: float


@dataclass
class Scripted:
    """`steps` are taken one after another, the last again and again; streams have their own."""

    url: str = ""
    steps: list[Step] = field(default_factory=list)
    streams: list[Step] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    def requests(self, end: str = "") -> list[Seen]:
        """The requests to paths that end so."""
        return [one for one in self.seen if one.path.endswith(end)]

    @property
    def looks(self) -> list[Seen]:
        """The requests for the job itself."""
        return self.requests(JOB_ID)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Note the request, and take the next step."""
        self.seen.append(
            Seen(
                request.method,
                request.path,
                dict(request.query),
                {k.lower(): v for k, v in request.headers.items()},
                await request.read(),
                asyncio.get_running_loop().time(),
            )
        )
        steps = self.streams if request.path.endswith("/events") else self.steps
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        return await step(request)


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    """The server on a port of its own."""
    server = Scripted()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


def says(body: Any, status: int = 200, **headers: str) -> Step:
    """JSON."""

    async def step(_request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(body, status=status, headers=named)

    return step


def refuses(status: int, code: str, retryable: bool = False, **more: Any) -> Step:
    """A problem document."""
    retry_after = more.pop("retry_after", None)
    body = {"code": code, "detail": "A sentence.", "status": status, "retryable": retryable} | more

    async def step(_request: web.Request) -> web.StreamResponse:
        headers = {"X-Request-Id": "r-1"} | ({"Retry-After": retry_after} if retry_after else {})
        content_type = "application/problem+json"
        text = json.dumps(body)
        return web.Response(text=text, status=status, headers=headers, content_type=content_type)

    return step


def page(status: int, text: str = "<h1>Bad   Gateway</h1>", **headers: str) -> Step:
    """HTML, as proxies answer."""

    async def step(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=status, headers=headers, content_type="text/html")

    return step


async def drops(request: web.Request) -> web.StreamResponse:
    """The request arrives; its answer does not."""
    assert request.transport is not None
    request.transport.abort()
    raise ConnectionResetError


async def hangs(_request: web.Request) -> web.StreamResponse:
    """Nothing comes."""
    await asyncio.Event().wait()
    raise AssertionError


def streams(*frames: str, ends: str = "close", status: int = 200) -> Step:
    """Server-sent events; `ends`: close, abort, or stay open."""

    async def step(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for frame in frames:
            await response.write(frame.encode())
        if ends == "stay":
            await asyncio.Event().wait()
        if ends == "abort":
            assert request.transport is not None
            request.transport.abort()
        return response

    return step


def frame(event: str, data: Any, number: int | None = None) -> str:
    """One event in the wire format."""
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {event}\ndata: {json.dumps(data)}\n\n"


def job(status: str = "queued", **more: Any) -> dict[str, Any]:
    """A job as GET gives it."""
    return {"promptJobId": JOB_ID, "status": status, "updatedAt": "2026-11-26T10:00:00Z"} | more


def update(number: int, kind: str, status: str, **more: Any) -> str:
    """The frame of something that happened."""
    data = {
        "eventId": number, "kind": kind, "promptJobId": JOB_ID, "data": {"n": number},
        "createdAt": "2026-11-26T10:00:00Z", "job": job(status, **more),
    }  # fmt: skip
    return frame("update", data, number)
