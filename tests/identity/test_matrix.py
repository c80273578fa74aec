"""Every route, for twelve identities."""

import time
from collections.abc import Mapping
from dataclasses import astuple
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from starlette.routing import Route as StarletteRoute

from prompt_queue.jobs.scopes import Scope
from prompt_queue.server import create_app
from prompt_queue.store.database import Database
from prompt_queue.store.key_store import KeyStore
from tests.api.running import QUEUE, Api, Reply
from tests.identity.conftest import CRON_SECRET, bearer, new_key, new_user
from tests.identity.matrix import PASS, Access, Identity, Route, expected, filled, routes
from tests.identity.project import Project
from tests.identity.things import Things, things_of


@pytest.fixture
async def credentials(
    project: Project, database: Database, database_url: str, user_a: UUID, user_b: UUID
) -> Mapping[Identity, dict[str, str]]:
    """What each identity shows; the admin's key is that of a third user."""
    revoked = await new_key(database, Scope.ADMIN, user=user_a)
    await KeyStore(database).revoke(revoked.prefix, "test")
    admin = await new_key(database, Scope.ADMIN, user=await new_user(database_url))
    past = time.time() - 60  # noqa: TID251 - as the project signs
    return {
        Identity.NOBODY: {},
        Identity.ANON: bearer(project.token(user_a, role="anon", sub=None, aud=None)),
        Identity.USER_A: bearer(project.token(user_a)),
        Identity.USER_B: bearer(project.token(user_b)),
        Identity.EXPIRED: bearer(project.token(user_a, exp=past)),
        Identity.WRONG_AUDIENCE: bearer(project.token(user_a, aud="elsewhere")),
        Identity.WRONG_ISSUER: bearer(project.token(user_a, iss="https://elsewhere.example")),
        Identity.SERVICE: bearer(project.token(user_a, role="service_role")),
        Identity.CRON: bearer(CRON_SECRET),
        Identity.WRONG_CRON: bearer(CRON_SECRET + "x"),
        Identity.REVOKED: bearer(revoked.text),
        Identity.ADMIN: bearer(admin.text),
    }


@pytest.fixture
async def things(api: Api, project: Project, user_a: UUID) -> Things:
    """What user A has."""
    return await things_of(api, project.token(user_a))


def app_of(api: Api) -> FastAPI:
    """The application that the server runs, made anew of the same parts."""
    return create_app(api.parts, "test")


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Every method and path, those that are in no document too."""
    found: set[tuple[str, str]] = set()
    pending = list(app.routes)
    while pending:
        route = pending.pop()
        if hasattr(route, "original_router"):
            pending += route.original_router.routes
            continue
        assert isinstance(route, StarletteRoute), f"{route} needs a row in the matrix"
        found |= {(method, route.path) for method in route.methods or ()}
    return found


async def ask(api: Api, method: str, path: str, route: Route, headers: dict[str, str]) -> Reply:
    """One request; of a stream only the beginning is read."""
    body = {"data": route.body} if isinstance(route.body, bytes) else {"json": route.body}
    options = {} if route.body is None else body
    target = api.url + (route.path or filled(path))
    async with api.session.request(
        method, target, headers=headers, allow_redirects=False, **options
    ) as response:
        stream = response.content_type == "text/event-stream"
        return Reply(response.status, response.headers, b"" if stream else await response.read())


def said(reply: Reply, route: Route) -> str:
    """The answer in the words of the matrix."""
    if reply.status in {401, 403}:
        return str(reply.status)
    # Whose thing it is was settled before, where nothing has been said of it yet.
    nothing_said = reply.headers.get("X-Error-Code") == "feedback_not_found"
    if reply.status == 404 and route.foreign and not nothing_said:
        return "404"
    return PASS


async def test_every_route_answers_each_identity_as_the_matrix_says(
    api: Api, things: Things, credentials: Mapping[Identity, dict[str, str]]
) -> None:
    """User A comes last: what A ends was refused to everybody before."""
    table = routes(things)
    wrong = []
    order = [one for one in Identity if one is not Identity.USER_A] + [Identity.USER_A]
    # What ends a thing comes last, so that the others still find it.
    rows = sorted(table.items(), key=lambda row: row[0][0] == "DELETE")
    for identity in order:
        for (method, path), route in rows:
            reply = await ask(api, method, path, route, credentials[identity])
            answer = said(reply, route)
            if answer != expected(route, identity):
                wrong.append((identity.value, method, path, reply.status, reply.content[:200]))
    assert not wrong


async def test_every_route_has_a_row(api: Api, things: Things) -> None:
    """And every row a route: a new one fails here until somebody said who may call it."""
    assert routes_of(app_of(api)) == set(routes(things))


async def test_what_is_foreign_and_what_is_missing_look_the_same(
    api: Api, things: Things, credentials: Mapping[Identity, dict[str, str]]
) -> None:
    """In status, body and headers, whatever is asked: only the id differs, which the asker gave."""
    ids = set(astuple(things))
    varying = {"x-request-id", "date"}
    for (method, path), route in routes(things).items():
        if not route.foreign:
            continue
        seen = []
        for replace in (False, True):
            wanted = Route(route.access, route.path, route.body, foreign=True)
            target, body = wanted.path, wanted.body
            nobody = str(uuid4())
            for one in ids if replace else ():
                target = target.replace(one, nobody)
                if isinstance(body, dict):
                    body = {k: nobody if v == one else v for k, v in body.items()}
            reply = await ask(
                api, method, path, Route(route.access, target, body),
                credentials[Identity.USER_B],
            )  # fmt: skip
            text = reply.content.decode()
            for one in (*ids, nobody, reply.body["requestId"]):
                text = text.replace(one, "")
            headers = {k: v for k, v in reply.headers.items() if k.lower() not in varying}
            seen.append((reply.status, text, headers))
        assert seen[0] == seen[1], (method, path)
        assert seen[0][0] == 404


UNASKED = (
    "userId", "user_id", "status", "generatedPrompt", "retryCount", "maxRetries", "id", "createdAt",
    "cost", "leaseToken", "ownerId",
)  # fmt: skip


async def test_nobody_assigns_what_is_not_asked_for(
    api: Api, credentials: Mapping[Identity, dict[str, str]], things: Things
) -> None:
    """A field that the route does not know is refused, in each body that there is."""
    for (method, path), route in routes(things).items():
        if not isinstance(route.body, dict):
            continue
        who = Identity.CRON if route.access is Access.OPERATOR else Identity.USER_A
        for field in UNASKED:
            body = route.body | {field: str(uuid4())}
            reply = await api.call(method, route.path or path, json=body, headers=credentials[who])
            assert (reply.status, reply.body["code"]) == (422, "invalid_request"), (path, field)


async def test_statistics_tell_a_user_numbers_only(
    api: Api, project: Project, user_b: UUID, things: Things
) -> None:
    """How many and how long; nothing that names a job, a user or a model."""
    reply = await api.get(QUEUE, headers=bearer(project.token(user_b)))
    assert reply.status == 200
    assert all(isinstance(value, (int, float)) for value in reply.body.values())
