"""Ways to send: the product with its gate, the product without one, and processes by themselves."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from tests.e2e.stack import Stack
from tests.photographs import plain

from prompt_queue.testing import PictureServer, StandIn

PROCESSES = 4
MODEL = "grok-4.7"
_MORE = """
insert into public.prompt_generation_jobs (row_id, model_id, user_id, target_url, min_quality)
select row_id, model_id, user_id, target_url, 'model'
from public.prompt_generation_jobs, generate_series(2, $1::int) where id = $2
"""


class Way(StrEnum):
    """Who decides when a call leaves."""

    GATE = "one gate for all"
    NONE = "no gate"
    EACH = "aiolimiter in each process"


@contextmanager
def sending(
    way: Way,
    stand_in: StandIn,
    pictures: PictureServer,
    limit: tuple[float, float | None],
    jobs: int,
) -> Iterator[None]:
    """Four processes ask the stand-in until the block ends; `limit`: requests/s, tokens/minute."""
    rps, tpm = limit
    if way is Way.EACH:
        command = [sys.executable, "-m", "benchmarks.gate.sender", stand_in.base_url,
                   stand_in.api_key, str(rps / PROCESSES)]  # fmt: skip
        processes = [subprocess.Popen(command) for _ in range(PROCESSES)]
        try:
            yield
        finally:
            for process in processes:
                process.kill()
                process.wait()
        return
    limits = f"{MODEL}={rps:g}" + (f"/{tpm:.0f}" if tpm else "") if way is Way.GATE else ""
    stack = Stack(
        {
            "XAI_API_KEY": stand_in.api_key,
            "XAI_API_BASE": stand_in.base_url,
            "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": pictures.host_port,
            "PROMPT_QUEUE_MODELS": MODEL,
            "PROMPT_QUEUE_RATE_TIER": "none",
            "PROMPT_QUEUE_CACHE_SECONDS": "0",
            "PROMPT_QUEUE_RATE_LIMITS": limits,
        },
        workers=PROCESSES,
    )
    try:
        stack.up()
        first = stack.enqueue(pictures.add("t.png", plain("teal")), minQuality="model")
        _run(stack, jobs, first)
        yield
    finally:
        stack.close()


def _run(stack: Stack, jobs: int, first: str) -> None:
    import asyncio

    asyncio.run(stack.sql(_MORE, jobs, first))
