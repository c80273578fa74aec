"""A process that keeps a rate of its own (aiolimiter), as one does without a common gate."""

import asyncio
import sys

import aiohttp
from aiolimiter import AsyncLimiter

LANES = 64
PAUSE_SECONDS = 1.0


async def send(url: str, key: str, rate: float) -> None:
    """Ask until the process is ended; a refused call is repeated after a pause."""
    limiter = AsyncLimiter(1, 1 / rate)
    body = {"model": "grok-4.7", "messages": [{"role": "user", "content": "Paint the wall blue."}]}

    async def lane(session: aiohttp.ClientSession) -> None:
        while True:
            async with limiter, session.post(f"{url}/chat/completions", json=body) as response:
                await response.read()
            if response.status == 429:
                await asyncio.sleep(PAUSE_SECONDS)

    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        await asyncio.gather(*(lane(session) for _ in range(LANES)))


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1], sys.argv[2], float(sys.argv[3])))
