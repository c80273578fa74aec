"""The admin routes: script faults, change settings, read the log. For this machine only."""

import json
from typing import Protocol

from aiohttp import web

from prompt_queue.simulator.wavespeed.faults import FaultError, FaultScript, parse_script
from prompt_queue.simulator.wavespeed.life import Lives, Pace
from prompt_queue.simulator.wavespeed.tasks import Tasks
from prompt_queue.simulator.wavespeed.webhooks import Webhooks


class Played(Protocol):
    """What the routes change and show."""

    tasks: Tasks
    faults: FaultScript
    lives: Lives
    first_pace: Pace
    webhooks: Webhooks
    pictures_a_minute: float | None


def admin_routes(played: Played) -> list[web.RouteDef]:
    """Faults, settings and log of one stand-in."""

    async def calls(request: web.Request) -> web.Response:
        since = int(request.query.get("since", "0"))
        return web.json_response(played.tasks.submits_since(since))

    async def script(request: web.Request) -> web.Response:
        if request.method == "DELETE":
            played.faults.clear()
        elif request.method == "POST":
            try:
                played.faults.add(parse_script(json.loads(await request.read())))
            except FaultError as error:
                return web.json_response({"error": str(error)}, status=400)
        return web.json_response(played.faults.as_json())

    async def settings(request: web.Request) -> web.Response:
        pace = played.lives.pace
        if request.method == "POST":
            asked = json.loads(await request.read())
            pace.latency_seconds = float(asked.get("latencySeconds", pace.latency_seconds))
            pace.at_once = int(asked.get("atOnce", pace.at_once))
            played.pictures_a_minute = asked.get("picturesAMinute", played.pictures_a_minute)
        return web.json_response(
            {
                "latencySeconds": pace.latency_seconds,
                "atOnce": pace.at_once,
                "picturesAMinute": played.pictures_a_minute,
                "webhookSecret": played.webhooks.secret,
            }
        )

    async def reset(_request: web.Request) -> web.Response:
        played.faults.clear()
        played.lives.pace = Pace(**vars(played.first_pace))
        played.pictures_a_minute = None
        return web.json_response({"lastCall": len(played.tasks.submits)})

    return [
        web.get("/admin/calls", calls),
        web.route("*", "/admin/faults", script),
        web.route("*", "/admin/settings", settings),
        web.post("/admin/reset", reset),
    ]
