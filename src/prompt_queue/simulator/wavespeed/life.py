"""A task's life: it waits, is worked on, and ends with a picture or a reason."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from prompt_queue.simulator.addresses import GuardedResolver, check_image_url
from prompt_queue.simulator.errors import ApiError
from prompt_queue.simulator.wavespeed.painting import paint
from prompt_queue.simulator.wavespeed.tasks import Task, Tasks
from prompt_queue.simulator.wavespeed.webhooks import Webhooks

MOST_BYTES = 20 * 1024 * 1024
FETCH_SECONDS = 10.0
_SIZE = re.compile(r"(\d+)\*(\d+)")
_TEXTS = {
    "fail": "Request failed. Please check your input parameters and try again.",
    "fail_passing": "upstream error: HTTP 503 Service Unavailable",
}


@dataclass
class Pace:
    """How long a task takes, in seconds, and how many are worked on at once."""

    latency_seconds: float = 0.0
    at_once: int = 1000


class Unreachable(Exception):
    """A picture that could not be fetched."""


class Lives:
    """Runs every task in the loop; pictures are painted in threads."""

    def __init__(
        self, tasks: Tasks, webhooks: Webhooks, pace: Pace, base: Callable[[], str]
    ) -> None:
        self._tasks = tasks
        self._webhooks = webhooks
        self.pace = pace
        self._base = base
        self._running: set[asyncio.Task[None]] = set()
        self._working = 0
        self._room = asyncio.Condition()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=GuardedResolver(), use_dns_cache=False),
            timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS),
        )

    async def close(self) -> None:
        """End every task as it stands."""
        for running in self._running:
            running.cancel()
        await self._session.close()

    def begin(self, task: Task) -> None:
        """Let a task live."""
        running = asyncio.create_task(self._live(task))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _live(self, task: Task) -> None:
        kind = task.fault.fault if task.fault else ""
        latency = self.pace.latency_seconds
        await asyncio.sleep(latency * 0.2)
        async with self._room:
            await self._room.wait_for(lambda: self._working < self.pace.at_once)
            self._working += 1
        try:
            task.status = "warming" if kind == "odd_status" else "processing"
            if kind == "flap":
                await asyncio.sleep(latency * 0.2)
                task.status = "created"
                await asyncio.sleep(0.3)
                task.status = "processing"
            if kind == "never":
                await asyncio.Event().wait()
            await asyncio.sleep(latency * 0.8)
            await self._end(task, kind)
        finally:
            self._working -= 1
            async with self._room:
                self._room.notify_all()
        if task.webhook:
            shown = task.as_json(self._base(), with_inputs=True)
            self._webhooks.tell(task.webhook, shown, task.fault)

    async def _end(self, task: Task, kind: str) -> None:
        try:
            if kind in _TEXTS:
                raise Unreachable((task.fault and task.fault.text) or _TEXTS[kind])
            if kind == "cancelled":
                task.status = "cancelled"
                return
            pictures = [await self._fetch(url) for url in task.images]
            target = pictures[0] if task.model.target_first else pictures[-1]
            data, media_type = await asyncio.to_thread(
                paint, target, str(task.inputs["prompt"]), _size(task),
                str(task.inputs.get("output_format") or "jpeg"),
            )  # fmt: skip
        except Unreachable as reason:
            task.status, task.error = "failed", str(reason)
            # A task that failed is given back.
            task.submit.refunded = True
            return
        except OSError:
            task.status, task.error = "failed", "failed to decode the input image"
            task.submit.refunded = True
            return
        if kind == "broken_output":
            data = data[: len(data) // 3]
        name = self._tasks.keep(data, media_type)
        url = f"{self._base()}/outputs/{name}"
        if kind == "lost_output":
            url = f"{self._base()}/outputs/lost-{name}"
        shown: dict[str, list[Any]] = {"no_outputs": [], "object_outputs": [{"url": url}]}
        task.outputs = shown.get(kind, [url])
        task.flagged = [kind == "nsfw"]
        task.status = "completed"

    async def _fetch(self, url: str) -> bytes:
        own, _, name = url.partition("/media/")
        if own == self._base() and name in self._tasks.files:
            return self._tasks.files[name][0]
        try:
            check_image_url(url)
            async with self._session.get(URL(url), allow_redirects=False) as response:
                data = bytearray()
                async for chunk in response.content.iter_chunked(65_536):
                    data += chunk
                    if len(data) > MOST_BYTES:
                        raise Unreachable("the image is larger than 20 MB")
                if response.status == 200 and data:
                    return bytes(data)
        except (ApiError, aiohttp.ClientError, OSError, TimeoutError, ValueError):
            pass
        raise Unreachable(f"failed to download image: {url.partition('?')[0]}")


def _size(task: Task) -> tuple[int, int] | None:
    found = _SIZE.fullmatch(str(task.inputs.get("size") or ""))
    if found:
        return int(found[1]), int(found[2])
    across, colon, down = str(task.inputs.get("aspect_ratio") or "").partition(":")
    return (int(across) * 64, int(down) * 64) if colon else None
