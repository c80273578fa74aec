"""The admin routes: script faults, change settings, read the log. For this machine only."""

import json
from typing import Any

from aiohttp import web

from prompt_queue.simulator.auth import may_administer
from prompt_queue.simulator.faults import parse_script
from prompt_queue.simulator.state import STATE, changed_settings


def _refusal(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)


async def _document(request: web.Request) -> Any:
    if request.content_type != "application/json":
        raise ValueError("Send JSON with the content type application/json.")
    try:
        return json.loads(await request.read())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("The body is not valid JSON.") from None


@web.middleware
async def guard_admin(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refuse admin requests from other machines and from web pages."""
    if request.path.startswith("/admin/") and not may_administer(
        request.remote, request.headers.get("Host"), request.headers.get("Origin")
    ):
        return _refusal(403, "The admin routes answer programs on this machine only.")
    response: web.StreamResponse = await handler(request)
    return response


async def list_faults(request: web.Request) -> web.Response:
    """Show the script."""
    return web.json_response(request.app[STATE].faults.as_json())


async def add_faults(request: web.Request) -> web.Response:
    """Add faults to the script; answers the whole of it."""
    try:
        faults = parse_script(await _document(request))
    except ValueError as error:
        return _refusal(400, str(error))
    request.app[STATE].faults.add(faults)
    return web.json_response(request.app[STATE].faults.as_json())


async def clear_faults(request: web.Request) -> web.Response:
    """Forget the script."""
    request.app[STATE].faults.clear()
    return web.json_response([])


async def show_settings(request: web.Request) -> web.Response:
    """Show the settings."""
    return web.json_response(request.app[STATE].settings.as_json())


async def change_settings(request: web.Request) -> web.Response:
    """Change some settings; answers all of them."""
    state = request.app[STATE]
    try:
        state.apply(changed_settings(state.settings, await _document(request)))
    except ValueError as error:
        return _refusal(400, str(error))
    return web.json_response(state.settings.as_json())


async def list_calls(request: web.Request) -> web.Response:
    """Show the log, or the part of it after ``?since=number``."""
    try:
        number = int(request.query.get("since", "0"))
    except ValueError:
        return _refusal(400, "since must be the number of a call.")
    return web.json_response(request.app[STATE].calls.since(number))


async def reset(request: web.Request) -> web.Response:
    """Clear faults and settings; answers the number of the last call in the log."""
    state = request.app[STATE]
    state.reset()
    return web.json_response({"lastCall": state.calls.last_number})


ROUTES = [
    web.get("/admin/faults", list_faults),
    web.post("/admin/faults", add_faults),
    web.delete("/admin/faults", clear_faults),
    web.get("/admin/settings", show_settings),
    web.post("/admin/settings", change_settings),
    web.get("/admin/calls", list_calls),
    web.post("/admin/reset", reset),
]
