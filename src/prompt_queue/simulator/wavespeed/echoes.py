"""Refusals that say again whatever was sent: the key, the pictures, the address for the webhook."""

from aiohttp import web

from prompt_queue.simulator.wavespeed.faults import Fault

_LONGEST = 4_000


async def echo(request: web.Request, fault: Fault) -> web.Response:
    """The headers, the address and the body of a request as a message, and in a header."""
    shown = f"{request.headers.get('Authorization', '')} {request.url}"
    body = (await request.read())[:_LONGEST].decode(errors="replace")
    said = f"{fault.text or ''} {dict(request.headers)} {shown} {body}"
    return web.json_response(
        {"code": fault.status, "message": said, "error": said, "data": None},
        status=fault.status,
        headers={"X-Echo": shown, "Retry-After": "0"},
    )
