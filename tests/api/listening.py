"""A client of event streams: frames as they come, and what a client remembers between streams."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp


@dataclass(frozen=True)
class Frame:
    """One event as it was received."""

    event: str
    id: int | None
    data: Any


@dataclass
class Ear:
    """An open stream; `frames` are read as they are asked for."""

    response: aiohttp.ClientResponse
    comments: list[str] = field(default_factory=list)
    last_id: int | None = None

    async def next(self, deadline: float = 20.0) -> Frame | None:
        """The next frame; None where the stream has ended."""
        async with asyncio.timeout(deadline):
            fields: dict[str, str] = {}
            while line := (await self.response.content.readline()).decode():
                name, _, value = line.rstrip("\n").partition(":")
                if line == "\n" and "event" in fields:
                    number = int(fields["id"]) if "id" in fields else None
                    self.last_id = self.last_id if number is None else number
                    return Frame(fields["event"], number, json.loads(fields["data"]))
                if line.startswith(":"):
                    self.comments.append(value.strip())
                elif line != "\n":
                    fields[name] = value.strip()
            return None

    async def until(self, event: str, kind: str | None = None) -> Frame:
        """The next frame of that name, and of that kind where it is an update."""
        while found := await self.next():
            if found.event == event and kind in {None, found.data.get("kind")}:
                return found
        raise AssertionError(f"the stream ended before {event} {kind or ''}")

    async def rest(self) -> list[Frame]:
        """Everything up to the end."""
        frames = []
        while found := await self.next():
            frames.append(found)
        return frames


@asynccontextmanager
async def listening(
    session: aiohttp.ClientSession, url: str, last_id: int | None = None, **options: Any
) -> AsyncIterator[Ear]:
    """A stream from there, closed at the end."""
    headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
    timeout = aiohttp.ClientTimeout(total=None)
    async with session.get(url, headers=headers | options.pop("headers", {}), timeout=timeout,
                           **options) as response:  # fmt: skip
        assert response.status == 200, await response.text()
        yield Ear(response, last_id=last_id)
