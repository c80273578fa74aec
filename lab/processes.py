"""The product's own processes, as an operator starts them, with failpoints that may be armed."""

import asyncio
import json
import os
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from lab.rig import Rig

CRON_SECRET = "cron-secret-of-the-laboratory"
_READY_SECONDS = 30.0
_REQUEST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """Status and body of an answer."""

    status: int
    body: Any


class Server:
    """`prompt-queue serve` on a port of its own."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self._base = f"http://127.0.0.1:{port}"

    async def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Reply | None:
        """The answer, or None where the line broke before there was one."""
        timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(method, self._base + path, headers=headers, json=body) as reply,
            ):
                text = await reply.text()
                return Reply(reply.status, json.loads(text) if text else None)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    async def tick(self) -> Reply | None:
        """One call of the cron route."""
        headers = {"Authorization": f"Bearer {CRON_SECRET}"}
        return await self.ask("POST", "/api/cron/prompt-processor", headers=headers)

    async def ready(self) -> None:
        """Wait until it serves. Raises TimeoutError."""
        end = time.monotonic() + _READY_SECONDS
        while True:
            reply = await self.ask("GET", "/api/health/ready")
            if reply and reply.status == 200:
                return
            if time.monotonic() > end or self.process.returncode is not None:
                raise TimeoutError("the server does not get ready")
            await asyncio.sleep(0.05)


async def run(
    rig: Rig, *arguments: str, armed: str = "", within: Sequence[str] = (), **variables: str
) -> Process:
    """Start `prompt-queue ARGUMENTS` on the laboratory's database and provider.

    `within` is what to write before the command, `variables` are its other settings.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PROMPT_QUEUE_")}
    key = rig.settings.xai_api_key
    ours = {
        "DATABASE_URL": rig.cluster.dsn,
        "XAI_API_KEY": key.get_secret_value() if key else "",
        "XAI_API_BASE": rig.settings.xai_api_base,
        "CRON_SECRET": CRON_SECRET,
        "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": ",".join(rig.settings.trusted_image_hosts),
        "PROMPT_QUEUE_DATA_DIR": str(rig.cluster.folder / "product"),
        "PROMPT_QUEUE_LEASE_SECONDS": str(rig.settings.lease_seconds),
        "PROMPT_QUEUE_CRON_BUDGET_SECONDS": "2",
        "PROMPT_QUEUE_LOCAL_USER_ID": str(rig.owner),
        "PROMPT_QUEUE_FAILPOINTS": armed,
    }
    return await asyncio.create_subprocess_exec(
        *within, sys.executable, "-m", "prompt_queue", *arguments,
        cwd=rig.cluster.folder, env=clean | ours | variables, stdin=DEVNULL, stdout=DEVNULL,
        stderr=DEVNULL,
    )  # fmt: skip


@asynccontextmanager
async def serving(rig: Rig, armed: str = "") -> AsyncIterator[Server]:
    """A server that is ready; killed at the end unless it has ended."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(await run(rig, "serve", f"--port={port}", armed=armed), port)
    try:
        await server.ready()
        yield server
    finally:
        if server.process.returncode is None:
            server.process.kill()
            await server.process.wait()
