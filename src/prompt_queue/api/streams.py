"""Server-sent events to one client: frames, what waits for it, and the answer that sends them."""

import asyncio
import random
import re
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Any
from uuid import UUID

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from prompt_queue.store.database import DatabaseRefused, DatabaseUnavailable

MEDIA_TYPE = "text/event-stream"
_EVENT: dict[str, Any] = {
    "type": "object",
    "description": "Each event of the stream.",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string", "description": "For Last-Event-ID, when you come back."},
        "event": {"type": "string", "enum": ["snapshot", "update", "partial", "resync", "end"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer", "description": "Milliseconds to wait before you come back."},
    },
}
CONTENT: dict[str, Any] = {MEDIA_TYPE: {"schema": _EVENT}}
"""What OpenAPI says of a stream."""

ALSO_STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The job; with `Accept: text/event-stream` the stream of its events, as "
        "from its route `/events`.",
        "content": CONTENT,
    },
    204: {"description": "Of a stream: the job has ended, and Last-Event-ID is behind its events."},
}
"""What OpenAPI says of a route whose answer is a job, or its stream where Accept asks for it."""

TRANSPORT = "prompt_queue.transport"
"""The ASGI extension under which a server hands over a connection's transport."""

HEARTBEAT_SECONDS = 15.0
LIFE_SECONDS = 600.0
BUFFER_BYTES = 256 * 1024
STALLED_SECONDS = 10.0
_SOCKET_BYTES = 64 * 1024
_ALIVE = b": alive\n\n"
_LINE_ENDS = re.compile("\r\n|\r|\n")


def frame(event: str, data: str, event_id: int | None = None) -> bytes:
    """One event on the wire, whatever lines `data` has."""
    number = "" if event_id is None else f"id: {event_id}\n"
    lines = "".join(f"data: {line}\n" for line in _LINE_ENDS.split(data))
    return f"{number}event: {event}\n{lines}\n".encode()


class Watcher:
    """What is on its way to one client, within bounds.

    It is told about events of `job_ids`, and about all events of `user_id`. Of texts that grow only
    the newest is kept.
    """

    __slots__ = (
        "_bytes", "_ending", "_frames", "_known", "_news", "_text", "behind", "is_blocked",
        "job_ids", "subject", "user_id",
    )  # fmt: skip

    def __init__(
        self, subject: Any = None, job_ids: Collection[UUID] = (), user_id: UUID | None = None
    ) -> None:
        self.subject = subject
        self.job_ids = tuple(job_ids)
        self.user_id = user_id
        self.behind: str | None = None
        self.is_blocked = False
        self._known: Collection[int] = ()
        self._frames: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._text: bytes | None = None
        self._ending: str | None = None
        self._news = asyncio.Event()

    @property
    def ending(self) -> str | None:
        """Why nothing comes any more: final, shutdown, slow or expired."""
        return self._ending

    def know(self, event_ids: Collection[int]) -> None:
        """The client is told of these events in another way."""
        self._known = event_ids
        self._frames = deque(told for told in self._frames if told[0] not in event_ids)
        self._bytes = sum(len(piece) for _, piece in self._frames)

    def tell(self, event_id: int, piece: bytes) -> None:
        """Send an event, unless the client knows it already."""
        if self._ending or event_id in self._known:
            return
        self._text = None
        self._frames.append((event_id, piece))
        self._bytes += len(piece)
        if self._bytes > BUFFER_BYTES:
            if self.is_blocked:
                self._drop()
                self.end("slow")
            else:
                self.fall_behind("too_many")
        self._news.set()

    def tell_text(self, piece: bytes) -> None:
        """Send a text that has grown, in place of one that was not sent yet."""
        self._text = piece
        self._news.set()

    def fall_behind(self, reason: str) -> None:
        """Forget what was to be sent: the client has to look at the present state."""
        self._drop()
        self.behind = reason
        self._news.set()

    def end(self, reason: str) -> None:
        """Nothing more is sent after what waits; the first reason counts."""
        self._ending = self._ending or reason
        self._news.set()

    async def take(self, seconds: float) -> bytes:
        """What there is to send, after at most so many seconds; may be nothing."""
        if not self._news.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                return b""
        self._news.clear()
        pieces = [*(piece for _, piece in self._frames), self._text or b""]
        self._drop()
        return b"".join(pieces)

    def _drop(self) -> None:
        self._frames.clear()
        self._bytes = 0
        self._text = None


class EventStream(Response):
    """Sends what a watcher is told until it ends, its time is over, or the client goes.

    `opening` comes first; `look_anew` gives the present state to a client that fell behind; `leave`
    is called at the end.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        watcher: Watcher,
        opening: bytes,
        look_anew: Callable[[], Awaitable[bytes]],
        leave: Callable[[], None],
    ) -> None:
        super().__init__(
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Connection": "close"}
        )
        del self.headers["content-length"]
        self._watcher = watcher
        self._opening = opening
        self._look_anew = look_anew
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = scope.get("extensions", {}).get(TRANSPORT, {}).get("transport")
        if transport is not None:
            # What a client does not read waits here, where it is bounded, and not in the kernel.
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
        listening = asyncio.create_task(self._until_gone(receive))
        try:
            if not await self._send_all(send) and transport is not None:
                transport.abort()
        finally:
            listening.cancel()
            self._leave()

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._watcher.end("gone")

    async def _send_all(self, send: Send) -> bool:
        """False where the client does not take what it is sent."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        retry = f"retry: {random.randint(500, 1500)}\n\n".encode()  # noqa: S311
        first, self._opening = retry + self._opening, b""
        if not await self._pass(send, first):
            return False
        ends_at = asyncio.get_running_loop().time() + LIFE_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311
        while True:
            piece = await self._next()
            if piece and not await self._pass(send, piece):
                return False
            if self._watcher.ending:
                break
            if asyncio.get_running_loop().time() > ends_at:
                self._watcher.end("expired")
        last = await self._watcher.take(0) + frame("end", f'{{"reason":"{self._watcher.ending}"}}')
        return await self._pass(send, last, more=False)

    async def _next(self) -> bytes:
        reason, self._watcher.behind = self._watcher.behind, None
        if reason is None:
            piece = await self._watcher.take(HEARTBEAT_SECONDS)
            return piece if piece or self._watcher.ending or self._watcher.behind else _ALIVE
        try:
            return frame("resync", f'{{"reason":"{reason}"}}') + await self._look_anew()
        except (DatabaseUnavailable, DatabaseRefused):
            self._watcher.behind = reason
            await asyncio.sleep(1)
            return b""

    async def _pass(self, send: Send, piece: bytes, *, more: bool = True) -> bool:
        self._watcher.is_blocked = True
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        except TimeoutError:
            return False
        finally:
            self._watcher.is_blocked = False
        return True
