"""Requests at a rate that does not wait for answers, and how long each answer took."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

PATIENCE = aiohttp.ClientTimeout(total=30)

MOST_CONNECTIONS = 200
"""What waits for one of them waits at the client, and is counted like any other wait."""


@dataclass(slots=True)
class Answers:
    """Seconds from the moment at which a request was due to its whole answer, by what it was."""

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sender:
    """One user with a row of its own."""

    headers: dict[str, str]
    body: dict[str, str]


async def offer(
    url: str, senders: Sequence[Sender], rate: float, seconds: float, warm_up: float
) -> Answers:
    """So many requests a second in turn of all senders; those of the warm-up are not counted."""
    found, under_way = Answers(), set[asyncio.Task[None]]()
    connector = aiohttp.TCPConnector(limit=MOST_CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, timeout=PATIENCE) as session:
        began = time.monotonic()
        for number in range(int(rate * (warm_up + seconds))):
            due = began + number / rate
            await asyncio.sleep(max(due - time.monotonic(), 0))
            counts = number >= rate * warm_up
            ask = _ask(session, url, senders[number % len(senders)], due, found if counts else None)
            task = asyncio.create_task(ask)
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)
    return found


async def capacity(url: str, senders: Sequence[Sender], seconds: float, at_once: int = 8) -> float:
    """Accepted requests a second, where each client waits for its answer."""
    found = Answers()
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        end = time.monotonic() + seconds

        async def client(sender: Sender) -> None:
            while time.monotonic() < end:
                await _ask(session, url, sender, time.monotonic(), found)

        await asyncio.gather(*(client(senders[n % len(senders)]) for n in range(at_once)))
    return len(found.accepted) / seconds


async def _ask(
    session: aiohttp.ClientSession, url: str, sender: Sender, due: float, found: Answers | None
) -> None:
    try:
        async with session.post(url, json=sender.body, headers=sender.headers) as response:
            await response.read()
            said = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        if found is not None:
            found.others.append(type(error).__name__)
        return
    if found is None:
        return
    took = time.monotonic() - due
    if said == 202:
        found.accepted.append(took)
    elif said == 429:
        found.refused.append(took)
    else:
        found.others.append(str(said))
