"""What OpenAPI says of who may call a route, read from the dependencies that ask for it."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from prompt_queue.api.auth import Needs, NeedsJob, require_cron_secret, who_is_asking
from prompt_queue.jobs.scopes import OPERATION

BEARER: Final = "bearer"
CRON: Final = "cron"
TICKET: Final = "ticket"

SCHEMES: Final[dict[str, dict[str, str]]] = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token of Supabase, or an API key (`pq_...`). Roles are scopes.",
    },
    CRON: {
        "type": "http",
        "scheme": "bearer",
        "description": "The value of CRON_SECRET.",
    },
    TICKET: {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "From `POST /api/tickets`: one job to read, for a few minutes.",
    },
}
"""`components.securitySchemes`."""

Requirement = dict[str, list[str]]


def requirements(route: APIRoute, *, asks_for_tokens: bool) -> list[Requirement]:
    """The `security` of a route: any one of them will do, and an empty list is for everybody.

    Where no identity is configured, CRON_SECRET is all that there is to show.
    """
    found: list[Requirement] = []
    for call in _calls(route.dependant):
        if call is require_cron_secret:
            found.append({CRON: []})
        elif call is who_is_asking and asks_for_tokens:
            found.append({BEARER: []})
        elif isinstance(call, Needs):
            found += _of(call) if asks_for_tokens else _of_nobody(call)
    return found


def describe(schema: dict[str, Any], routes: Iterable[APIRoute], *, asks_for_tokens: bool) -> None:
    """Write the schemes, and the requirements of each route, into an OpenAPI document."""
    used: set[str] = set()
    for route in routes:
        operations = schema["paths"].get(route.path, {})
        needed = requirements(route, asks_for_tokens=asks_for_tokens)
        for method in {name.lower() for name in route.methods or ()} & operations.keys():
            operations[method]["security"] = needed
            used.update(*needed)
    schema["components"]["securitySchemes"] = {name: SCHEMES[name] for name in sorted(used)}


def _of(needs: Needs) -> list[Requirement]:
    found: list[Requirement] = [{BEARER: [scope]} for scope in needs.scopes]
    if OPERATION & {*needs.scopes}:
        found.append({CRON: []})
    if isinstance(needs, NeedsJob):
        found.append({TICKET: []})
    return found


def _of_nobody(needs: Needs) -> list[Requirement]:
    closed = bool(OPERATION & {*needs.scopes}) and not needs.open_locally
    return [{CRON: []}] if closed else []


def _calls(dependant: Dependant) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)
