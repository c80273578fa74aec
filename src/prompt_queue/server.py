"""The HTTP application: middleware, routers, errors. It gets what it needs as arguments."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from prompt_queue.api import (
    control,
    events,
    feedback,
    job_creation,
    job_list,
    jobs,
    manual,
    me,
    metrics,
    ops,
    ops_acts,
    ops_audit,
    ops_job_page,
    ops_jobs,
    ops_limits,
    ops_overview,
    prompts,
    rows,
    security,
    tickets,
    timelines,
    uploads,
    webhook_deliveries,
    webhook_endpoints,
    webhooks,
)
from prompt_queue.api.cors import CrossOrigin
from prompt_queue.api.events import Live
from prompt_queue.api.guard import Door, Envelope
from prompt_queue.api.ops_look import OverviewLook
from prompt_queue.api.parts import InitReport, Parts
from prompt_queue.api.problems import (
    PROBLEM_SCHEMA,
    Problem,
    database_away,
    problem_response,
    schema_does_not_fit,
)
from prompt_queue.api.request_spans import request_spans
from prompt_queue.api.stream_room import StreamRoom
from prompt_queue.api.turnstile import TurnstileDoor
from prompt_queue.api.watching import Views
from prompt_queue.store.database import DatabaseRefused
from prompt_queue.web import assets, documentation, pages
from prompt_queue.web.pages import PageFacts

__all__ = ["InitReport", "Parts", "create_app"]

# The list comes before the single job: "jobs" is not an id. Who asks for a stream gets it first.
_ROUTERS = (
    job_list.router, events.negotiated, events.router,
    control.router, prompts.router, manual.router, rows.router, uploads.router,
    timelines.router, webhook_endpoints.router, webhook_deliveries.router,
    job_creation.router, jobs.router, feedback.router, webhooks.router, ops.router,
    metrics.router,
    ops_overview.router, ops_acts.router, ops_jobs.router, ops_job_page.router,
    ops_audit.router, ops_limits.router, me.router, tickets.router,
    pages.router, documentation.router, assets.router,
)  # fmt: skip
# Refused before any statement: wrong password, no such database, not accepting connections.
_NO_CONNECTION = ("28", "3D", "55000")
_DESCRIPTION = (
    "Pictures in, Grok prompts out, and pictures from them. Errors are "
    "`application/problem+json` (RFC 9457) with a `code` that is mirrored in the header "
    "`X-Error-Code`; every answer has an `X-Request-Id`."
)
_NO_LOGIN = (
    "\n\n**No login is configured**: whoever reaches this loopback address is the one local user."
)


def create_app(parts: Parts, version: str) -> FastAPI:
    """The application. Opens and closes nothing: the parts belong to the caller."""
    app = FastAPI(
        title="prompt-queue",
        version=version,
        description=_DESCRIPTION if parts.asks_for_tokens else _DESCRIPTION + _NO_LOGIN,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=request_spans(),
        middleware=[
            Middleware(Envelope, base_url=parts.base_url),
            Middleware(CrossOrigin, origins=parts.allowed_origins),
            Middleware(
                Door,
                base_url=parts.base_url,
                hosts=parts.allowed_hosts,
                origins=parts.allowed_origins,
            ),
            Middleware(TurnstileDoor, turnstile=parts.turnstile),
        ],
        exception_handlers={
            Problem: _on_problem,
            HTTPException: _on_http_exception,
            RequestValidationError: _on_validation_error,
            DatabaseRefused: _on_database_refused,
        },
    )
    app.state.parts = parts
    app.state.live = Live(
        parts.event_store, Views(parts), StreamRoom(parts.user_streams, parts.most_streams)
    )
    app.state.overview = OverviewLook(parts)
    app.state.page_facts = PageFacts(
        version=version,
        demo_mode=parts.demo_mode,
        no_login=not parts.asks_for_tokens,
        stand_in=parts.stand_in,
        picture_stand_in=parts.picture_stand_in,
        makes_pictures=parts.makes_pictures,
        base_url=parts.base_url,
        samples=tuple(parts.sample_names()),
        upload_max_bytes=parts.upload_max_bytes,
    )
    for router in _ROUTERS:
        app.include_router(router)
    _complete_openapi(app)
    return app


def _respond(request: Request, problem: Problem) -> Response:
    return problem_response(problem, request.url.path, request.state.request_id)


async def _on_problem(request: Request, error: Any) -> Response:
    return _respond(request, error)


async def _on_http_exception(request: Request, error: Any) -> Response:
    path = request.url.path
    allowed = sorted({m for route in _routes_at(path) for m in route.methods or ()})
    if error.status_code == 405:
        return _respond(
            request,
            Problem(
                "method_not_allowed",
                f"{request.method} is not known here; use {' or '.join(allowed)}.",
                headers={"Allow": ", ".join(allowed)},
            ),
        )
    if error.status_code == 404:
        return _respond(
            request, Problem("route_not_found", "There is nothing here; /docs lists the routes.")
        )
    return _respond(request, Problem("invalid_request", "The request cannot be read."))


async def _on_validation_error(request: Request, error: Any) -> Response:
    errors = [
        {"parameter": str(one["loc"][-1])[:80], "detail": str(one["msg"])} for one in error.errors()
    ]
    return _respond(
        request, Problem("invalid_parameter", "A parameter cannot be used.", errors=errors)
    )


async def _on_database_refused(request: Request, error: Any) -> Response:
    if error.sqlstate.startswith("42"):
        return _respond(request, schema_does_not_fit())
    if error.sqlstate.startswith(_NO_CONNECTION):
        return _respond(request, database_away())
    raise error


def _routes_at(path: str) -> list[APIRoute]:
    routes = (route for router in _ROUTERS for route in router.routes)
    return [r for r in routes if isinstance(r, APIRoute) and r.path_regex.match(path)]


def _complete_openapi(app: FastAPI) -> None:
    """Adds problems and who may call, and takes out the framework's 422, which is never sent."""
    describe = app.openapi
    asks_for_tokens = app.state.parts.asks_for_tokens
    routes = [route for router in _ROUTERS for route in router.routes]

    def openapi() -> dict[str, Any]:
        schema = describe()
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = PROBLEM_SCHEMA
        security.describe(
            schema,
            [route for route in routes if isinstance(route, APIRoute)],
            asks_for_tokens=asks_for_tokens,
        )
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for methods in schema["paths"].values():
            for operation in methods.values():
                refused = operation["responses"].get("422", {}).get("content", {})
                refused.pop("application/json", None)
                if not refused:
                    operation["responses"].pop("422", None)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
