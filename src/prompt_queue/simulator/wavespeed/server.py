"""The HTTP application that plays WaveSpeed: submit, result, history, uploads, account, admin."""

import asyncio
import hmac
import json
import time
from collections import deque
from typing import Any

from aiohttp import web

from prompt_queue.simulator.auth import may_administer
from prompt_queue.simulator.sending import reset
from prompt_queue.simulator.wavespeed import catalogue
from prompt_queue.simulator.wavespeed.admin import Played, admin_routes
from prompt_queue.simulator.wavespeed.echoes import echo
from prompt_queue.simulator.wavespeed.faults import (
    FILE,
    PUT,
    RESULT,
    SUBMIT,
    TASK,
    TICKET,
    WEBHOOK,
    Fault,
    FaultScript,
)
from prompt_queue.simulator.wavespeed.life import Lives, Pace
from prompt_queue.simulator.wavespeed.tasks import Submit, Task, Tasks
from prompt_queue.simulator.wavespeed.webhooks import Webhooks

MAX_BODY_BYTES = 30 * 1024 * 1024
LABEL = {"X-Stand-In": "prompt-queue"}
_MINUTE = 60.0
_REFUSALS = {
    "rate_limit": (429, 429, "Too Many Requests"),
    "credits": (400, 400, "Insufficient credits. Please top up your account."),
    "unauthorized": (401, 401, "Invalid API key"),
    "code_in_200": (200, 429, "Too Many Requests"),
}


def _envelope(status: int, data: Any = None, message: str = "success", code: int | None = None
              ) -> web.Response:  # fmt: skip
    body = {"code": code or status, "message": message, "data": data}
    return web.json_response(body, status=status)


class WaveSpeed(Played):
    """Everything behind the routes."""

    def __init__(self, api_key: str, pace: Pace, seed: int) -> None:
        self.api_key = api_key
        self.port = 0
        self.tasks = Tasks()
        self.faults = FaultScript(seed)
        self.first_pace = pace
        self.pictures_a_minute: float | None = None
        self._recent: deque[float] = deque()
        self.webhooks = Webhooks("whsec_standin")
        self.lives = Lives(self.tasks, self.webhooks, Pace(**vars(pace)), lambda: self.base)

    @property
    def base(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """POST of a model's path."""
        name = request.match_info["model"]
        log = self.tasks.arrive(name)
        response = await self._submit(request, name, log)
        log.status = response.status
        log.outcome = "answered" if log.outcome == "open" else log.outcome
        return response

    async def _submit(self, request: web.Request, name: str, log: Submit) -> web.StreamResponse:
        model = catalogue.MODELS.get(name)
        if model is None:
            return _envelope(404, None, f"model {name} not found")
        fault = self.faults.draw(SUBMIT, name)
        kind = fault.fault if fault else ""
        log.outcome = f"fault:{kind}" if fault else "open"
        if fault and kind == "delay":
            await asyncio.sleep(fault.seconds)
        refused = await self._refusal(request, fault) if fault else None
        refused = refused or self._too_many()
        if refused is not None:
            return refused
        if kind == "drop_request":
            reset(request)
            return web.Response()
        try:
            inputs = json.loads(await request.read())
            images = catalogue.check_inputs(model, inputs)
        except (ValueError, RecursionError):
            return _envelope(400, None, "invalid JSON")
        except catalogue.Unfit as unfit:
            return _envelope(400, None, str(unfit))
        log.prompt, log.image_count, log.inputs = str(inputs["prompt"]), len(images), inputs
        log.webhook = request.query.get("webhook")
        later = self.faults.draw(TASK | WEBHOOK, name)
        task = self.tasks.begin(log, model, inputs, images, webhook=log.webhook, fault=later)
        if later is not None:
            log.outcome = f"fault:{later.fault}" if log.outcome == "open" else log.outcome
        self.lives.begin(task)
        return await self._answer(request, task, kind, fault.status if fault else 500)

    async def _refusal(self, request: web.Request, fault: Fault) -> web.Response | None:
        if fault.fault == "echo":
            return await echo(request, fault)
        if fault.fault == "status":
            return _envelope(fault.status, None, "Internal server error")
        status, code, message = _REFUSALS.get(fault.fault, (0, 0, ""))
        return _envelope(status, None, message, code=code) if status else None

    def _too_many(self) -> web.Response | None:
        if self.pictures_a_minute is None:
            return None
        now = time.monotonic()
        while self._recent and self._recent[0] < now - _MINUTE:
            self._recent.popleft()
        if len(self._recent) >= self.pictures_a_minute:
            return _envelope(429, None, "Too Many Requests")
        self._recent.append(now)
        return None

    async def _answer(
        self, request: web.Request, task: Task, kind: str, status: int
    ) -> web.StreamResponse:
        match kind:
            case "drop_reply":
                reset(request)
                return web.Response()
            case "hang":
                await asyncio.Event().wait()
            case "status_after":
                return _envelope(status, None, "Internal server error")
            case "html_after":
                return web.Response(status=502, text="<html>Bad gateway</html>")
        return _envelope(200, task.as_json(self.base))

    async def result(self, request: web.Request) -> web.Response:
        """GET of a task."""
        task = self.tasks.by_id.get(request.match_info["id"])
        if task is None or (task.fault and task.fault.fault == "gone" and task.is_over):
            return _envelope(404, None, "prediction not found")
        fault = self.faults.draw(RESULT, task.model.name)
        if fault is not None:
            return await echo(request, fault)
        task.looks += 1
        return _envelope(200, task.as_json(self.base))

    async def search(self, request: web.Request) -> web.Response:
        """POST of the history."""
        asked = json.loads(await request.read())
        found = [
            task for task in self.tasks.by_id.values()
            if asked.get("model") in (None, task.model.name)
            and task.created_at[:19] >= str(asked.get("created_after") or "")[:19]
        ]  # fmt: skip
        size, page = int(asked.get("page_size") or 20), int(asked.get("page") or 1)
        shown = list(reversed(found))[size * (page - 1) : size * page]
        items = [
            task.as_json(self.base, with_inputs=bool(asked.get("include_inputs"))) for task in shown
        ]
        return _envelope(200, {"page": page, "items": items})

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE of a task: asked to stop, it is deleted; what was spent stays spent."""
        task = self.tasks.by_id.get(request.match_info["id"])
        if task is None:
            return _envelope(404, None, "prediction not found")
        if not task.is_over:
            task.status = "deleted"
        return _envelope(200, {"id": task.id, "status": "deleted"})

    async def ticket(self, request: web.Request) -> web.Response:
        """POST for an upload: where to put the bytes, and where they will be."""
        fault = self.faults.draw(TICKET, "")
        if fault is not None and fault.fault == "ticket_echo":
            return await echo(request, fault)
        asked = json.loads(await request.read())
        name = self.tasks.keep(b"", str(asked.get("content_type") or "image/jpeg"))
        return _envelope(200, {
            "download_url": f"{self.base}/media/{name}",
            "upload": {"method": "PUT", "url": fault.text if fault else f"{self.base}/put/{name}",
                       "headers": {"X-Upload-Ticket": name}},
        })  # fmt: skip

    async def put(self, request: web.Request) -> web.Response:
        """PUT of the bytes; our key must not come with them."""
        fault = self.faults.draw(PUT, "")
        if fault is not None:
            return await echo(request, fault)
        name = request.match_info["name"]
        if name not in self.tasks.files or request.headers.get("X-Upload-Ticket") != name:
            return web.Response(status=403)
        if "Authorization" in request.headers:
            return web.Response(status=400, text="a key was sent to the upload host")
        self.tasks.files[name] = await request.read(), self.tasks.files[name][1]
        return web.Response(status=200)

    async def file(self, request: web.Request) -> web.Response:
        """GET of an upload or an output."""
        fault = self.faults.draw(FILE, "")
        if fault is not None:
            return web.Response(status=302, headers={"Location": fault.text or ""})
        found = self.tasks.files.get(request.match_info["name"])
        if found is None:
            return web.Response(status=404)
        if "Authorization" in request.headers:
            return web.Response(status=400, text="a key was sent to the output host")
        return web.Response(body=found[0], content_type=found[1])

    async def price(self, request: web.Request) -> web.Response:
        """POST of a price question."""
        asked = json.loads(await request.read())
        model = catalogue.MODELS.get(asked.get("model_id"))
        if model is None:
            return _envelope(404, None, "model not found")
        price = float(model.price)
        return _envelope(200, {"model_id": model.name, "price": price, "discounted_price": price,
                               "discount_rate": 1, "currency": "USD"})  # fmt: skip

    async def balance(self, _request: web.Request) -> web.Response:
        """GET of what is left of a hundred dollars."""
        spent = sum(s.cost_usd for s in self.tasks.submits if s.charged and not s.refunded)
        return _envelope(200, {"balance": round(100 - spent, 4)})

    async def secret(self, _request: web.Request) -> web.Response:
        """GET of what webhooks are signed with."""
        return _envelope(200, {"secret": self.webhooks.secret})

    async def models(self, _request: web.Request) -> web.Response:
        """GET of the catalogue."""
        return _envelope(200, [
            {"model_id": model.name, "name": model.name, "type": "image-to-image",
             "base_price": float(model.price)} for model in catalogue.MODELS.values()
        ])  # fmt: skip


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({
        "standIn": True, "playsFor": "WaveSpeed",
        "note": "Pictures are made up by a local program, not by WaveSpeed.",
    })  # fmt: skip


def build_app(wavespeed: WaveSpeed) -> web.Application:
    """Put the application together; ends tasks and webhooks when it ends."""

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/admin/") and not may_administer(
            request.remote, request.headers.get("Host"), request.headers.get("Origin")
        ):
            return web.json_response({"error": "for this machine only"}, status=403)
        if request.path.startswith("/api/"):
            given = request.headers.get("Authorization", "").encode()
            if not hmac.compare_digest(given, f"Bearer {wavespeed.api_key}".encode()):
                return _envelope(401, None, "Invalid API key")
        response: web.StreamResponse = await handler(request)
        return response

    async def label(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(LABEL)

    async def close(_app: web.Application) -> None:
        await wavespeed.lives.close()
        await wavespeed.webhooks.close()

    app = web.Application(middlewares=[guard], client_max_size=MAX_BODY_BYTES)
    app.on_response_prepare.append(label)
    app.on_cleanup.append(close)
    api = "/api/v3"
    app.add_routes([
        web.get(f"{api}/predictions/{{id}}/result", wavespeed.result),
        web.get(f"{api}/predictions/{{id}}", wavespeed.result),
        web.delete(f"{api}/predictions/{{id}}", wavespeed.delete),
        web.post(f"{api}/predictions", wavespeed.search),
        web.post(f"{api}/media/uploads", wavespeed.ticket),
        web.post(f"{api}/model/price", wavespeed.price),
        web.get(f"{api}/balance", wavespeed.balance),
        web.get(f"{api}/webhook/secret", wavespeed.secret),
        web.get(f"{api}/models", wavespeed.models),
        web.put("/put/{name}", wavespeed.put),
        web.get("/media/{name}", wavespeed.file),
        web.get("/outputs/{name}", wavespeed.file),
        web.get("/healthz", _health),
        *admin_routes(wavespeed),
        web.post(f"{api}/{{model:.+}}", wavespeed.submit),
    ])  # fmt: skip
    return app
