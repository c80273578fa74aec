"""A proxy that collects an answer before it passes it on, as some do: no stream comes through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientSession, DummyCookieJar, web

_OF_THE_HOP = {"host", "connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass
class HoldingProxy:
    """Its address, and how many streams it holds back or has held back."""

    url: str = ""
    held: list[str] = field(default_factory=list)


@asynccontextmanager
async def holding_proxy(upstream: str) -> AsyncIterator[HoldingProxy]:
    """Before the server at `upstream`, on a port of its own."""
    proxy = HoldingProxy()
    async with ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as session:

        async def handle(request: web.Request) -> web.StreamResponse:
            if "text/event-stream" in request.headers.get("Accept", ""):
                proxy.held.append(request.path)
                await asyncio.Event().wait()
            headers = {k: v for k, v in request.headers.items() if k.lower() not in _OF_THE_HOP}
            if "Origin" in headers:
                headers["Origin"] = upstream
            url, body = upstream + request.path_qs, await request.read()
            async with session.request(request.method, url, headers=headers, data=body) as reply:
                passed = {k: v for k, v in reply.headers.items() if k.lower() not in _OF_THE_HOP}
                return web.Response(status=reply.status, headers=passed, body=await reply.read())

        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(
            application, handler_cancellation=True, shutdown_timeout=0.5, auto_decompress=False
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield proxy
        finally:
            await runner.cleanup()
