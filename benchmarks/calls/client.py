"""A process that makes so many calls at once, and says what they cost."""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import uvloop

from prompt_queue.generation.grok import GrokClient
from prompt_queue.generation.timeouts import CallTimeouts
from prompt_queue.guards.egress import provider_session

PICTURE = "https://pictures.example.com/target.jpg"
MESSAGES: list[Any] = [
    {"role": "system", "content": "Write one edit instruction. " * 60},
    {"role": "user", "content": [
        {"type": "text", "text": "Target image (the picture to edit):"},
        {"type": "image_url", "image_url": {"url": PICTURE}},
    ]},
]  # fmt: skip
MODEL = "grok-4.7"
Call = Callable[[], Awaitable[object]]


async def ours(base: str, stack: AsyncExitStack) -> Call:
    """The client of the product."""
    session = await stack.enter_async_context(provider_session(base))
    client = GrokClient(session, base, "key", "low", CallTimeouts(60, 60))
    return lambda: client.complete(MODEL, MESSAGES, None)


async def openai(base: str, stack: AsyncExitStack) -> Call:
    """The SDK of the vendor whose shape xAI has."""
    from openai import AsyncOpenAI

    client = await stack.enter_async_context(
        AsyncOpenAI(base_url=base, api_key="key", max_retries=0, timeout=60)
    )
    return lambda: client.chat.completions.create(model=MODEL, messages=MESSAGES)


async def measure(side: str, base: str, calls: int) -> dict[str, float]:
    """CPU a call (ms) and wall time (s), with new connections and with open ones; peak MB."""
    figures: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        call = await {"ours": ours, "openai": openai}[side](base, stack)
        for connections in ("new", "open"):
            used, began = time.process_time(), time.monotonic()
            await asyncio.gather(*(call() for _ in range(calls)))
            figures[f"{connections}_cpu_ms"] = (time.process_time() - used) / calls * 1000
            figures[f"{connections}_wall_s"] = time.monotonic() - began
    return figures | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(measure(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
