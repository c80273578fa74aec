"""A running server of the test's own, and a client that keeps answers whole."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy

from prompt_queue.api.parts import Parts
from prompt_queue.asgi import Server, build, listen, server_for
from prompt_queue.settings import load_settings
from prompt_queue.store.prompt_store import PromptStore
from tests.conftest import until

PHOTO = "https://images.example.com/portrait.jpg"
QUEUE = "/api/prompt/queue"


@dataclass(frozen=True)
class Reply:
    """What the server answered, read to the end."""

    status: int
    headers: CIMultiDictProxy[str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def pointers(self) -> list[str]:
        return [error["pointer"] for error in self.body["errors"]]


@dataclass(frozen=True)
class Api:
    """A server on a port of its own, and what it is made of."""

    url: str
    session: aiohttp.ClientSession
    parts: Parts
    server: Server

    async def call(self, method: str, path: str, **options: Any) -> Reply:
        url = path if path.startswith("http") else self.url + path
        options.setdefault("allow_redirects", False)
        async with self.session.request(method, url, **options) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.call("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Reply:
        return await self.call("POST", path, **options)

    async def enqueue(self, row: Any, **fields: Any) -> Reply:
        body = {"rowId": str(row), "targetUrl": PHOTO} | fields
        return await self.post(QUEUE, json=body)

    async def queued(self, row: Any, **fields: Any) -> str:
        """The id of a job that was just queued."""
        reply = await self.enqueue(row, **fields)
        assert reply.status == 202, reply.content
        return str(reply.body["promptJobId"])


@asynccontextmanager
async def running(database_url: str, folder: Path, /, **overrides: Any) -> AsyncIterator[Api]:
    """The whole application behind a real socket, stopped at the end."""
    with listen("127.0.0.1", 0) as listener:
        values = {"database_url": database_url, "data_dir": folder} | overrides
        port = listener.getsockname()[1]
        settings = load_settings({}, folder / "no.env", port=port, **values)
        async with build(settings, database_url) as app, aiohttp.ClientSession() as session:
            server = server_for(app)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                await until(lambda: _has_started(server))
                yield Api(settings.base_url, session, app.state.parts, server)
            finally:
                await session.close()
                server.should_exit = True
                await serving


async def _has_started(server: Server) -> bool:
    return server.started


async def finish(store: PromptStore, **outcome: Any) -> str:
    """Be a worker for one job: claim the next one and settle it; returns its id."""
    (claim,) = await store.claim(1, "tester", 30)
    settled = {"job_id": str(claim.job_id), "lease_token": str(claim.lease_token)} | outcome
    (result,) = await store.settle([settled])
    assert result.applied
    return str(claim.job_id)


async def complete(store: PromptStore, prompt: str = "Make the sky teal.") -> str:
    """Be a worker that succeeds."""
    return await finish(store, outcome="completed", prompt=prompt, source="model", model="grok-4.7")


async def fail(store: PromptStore, code: str = "bad_input") -> str:
    """Be a worker that gives up."""
    return await finish(
        store, outcome="failed", error="The picture is too dark.", error_code=code, delay_seconds=0
    )
