"""Puts a reply on the wire, whole or in one of the ways in which networks fail."""

import asyncio
import socket
import struct

from aiohttp import web

from prompt_queue.simulator.replies import Reply
from prompt_queue.simulator.streaming import EVENT_END

DRIPS = 20


def _response(reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_type = reply.content_type
    response.content_length = len(reply.body)
    return response


def reset(request: web.Request) -> None:
    """Cut the connection in the middle, as a network does."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # A zero linger makes the close a reset (RST) instead of an orderly end (FIN).
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def send(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Send the reply in its manner.

    Raises `ConnectionError` or is cancelled when the client leaves before the end.
    """
    response = _response(reply)
    match reply.manner:
        case "hang":
            if reply.seconds is None:
                await asyncio.Event().wait()
            await asyncio.sleep(reply.seconds or 0)
            reset(request)
        case "reset":
            reset(request)
        case "events" | "stall":
            response.content_length = None
            await response.prepare(request)
            events = reply.body.removesuffix(EVENT_END).split(EVENT_END)
            for event in events:
                await response.write(event + EVENT_END)
                await asyncio.sleep((reply.seconds or 0) / len(events))
            if reply.manner == "stall":
                await asyncio.Event().wait()
            await response.write_eof()
        case "truncate":
            await response.prepare(request)
            await response.write(reply.body[: len(reply.body) // 2])
            if request.transport is not None:
                request.transport.close()
        case "drip":
            await response.prepare(request)
            size = -(-len(reply.body) // DRIPS)
            for start in range(0, len(reply.body), size):
                await response.write(reply.body[start : start + size])
                await asyncio.sleep((reply.seconds or 0) / DRIPS)
            await response.write_eof()
        case _:
            await response.prepare(request)
            await response.write_eof(reply.body)
    return response
