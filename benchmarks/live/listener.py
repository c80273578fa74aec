"""Clients of many streams, in a process of their own, with the same monotonic clock."""

import asyncio
import json
import re
import sys
import time
from typing import Self
from urllib.parse import urlsplit
from uuid import UUID

_NUMBER = re.compile(rb"^id: (\d+)\nevent: update$", re.MULTILINE)


class Listener:
    """Opens streams; the process ends with the block, and its streams with it."""

    def __init__(self, base: str) -> None:
        self._base = base

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.live.listener", self._base,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**26,
        )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def watch(self, jobs: list[UUID]) -> None:
        """Open a stream for each job; returns when all have their snapshot."""
        await self._ask([str(job) for job in jobs])

    async def latencies(self, committed: dict[int, float]) -> list[float]:
        """Seconds from commit to arrival of each event; fails where one has not come."""
        heard = await self._ask(len(committed))
        arrived = {int(number): at for number, at in heard.items()}
        return [max(0.0, arrived[number] - at) for number, at in committed.items()]

    async def _ask(self, question: object) -> dict[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        answer: dict[str, float] = json.loads(await self._process.stdout.readline())
        return answer


async def listen(base: str) -> None:
    """Answer on standard output what is asked on standard input."""
    address = urlsplit(base)
    heard: dict[int, float] = {}
    opened: set[int] = set()

    async def stream(job: str, number: int) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection(address.hostname, address.port)
                break
            except OSError:
                await asyncio.sleep(0.2)
        request = f"GET /api/prompt/queue/{job}/events HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n"
        writer.write(request.encode())
        while piece := await reader.read(65_536):
            now = time.monotonic()
            if b"event: snapshot" in piece:
                opened.add(number)
            for found in _NUMBER.findall(piece):
                heard.setdefault(int(found), now)

    streams = []
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        if isinstance(asked, list):
            streams = [asyncio.create_task(stream(job, n)) for n, job in enumerate(asked)]
        while len(opened) < len(streams) or (isinstance(asked, int) and len(heard) < asked):
            await asyncio.sleep(0.05)
        print(json.dumps(heard), flush=True)


if __name__ == "__main__":
    asyncio.run(listen(sys.argv[1]))
