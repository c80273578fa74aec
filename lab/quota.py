"""Repeats trials until enough of them have hit, within a time."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence

# Given the trial's number, does one and says whether its fault really happened.
Trial = Callable[[int], Awaitable[bool]]


async def until_enough(wanted: int, seconds: float, lanes: Sequence[Trial]) -> int:
    """How many trials have hit: `wanted`, or fewer if no trial began any more after `seconds`.

    The lanes work side by side, each at one trial at a time.
    """
    numbers = itertools.count()
    end = time.monotonic() + seconds
    hits = under_way = 0

    async def work(trial: Trial) -> None:
        nonlocal hits, under_way
        while hits + under_way < wanted and time.monotonic() < end:
            under_way += 1
            hit = await trial(next(numbers))
            under_way -= 1
            hits += hit

    await asyncio.gather(*map(work, lanes))
    return hits
