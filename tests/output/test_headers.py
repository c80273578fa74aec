"""What every kind of answer says to browsers and to caches."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.api.running import QUEUE, Api, running
from tests.output.conftest import CRON_SECRET
from tests.photographs import plain

NOWHERE = "00000000-0000-4000-a000-00000000dead"
API_POLICY = "default-src 'none'; frame-ancestors 'none'"


@dataclass(frozen=True)
class Kind:
    """One kind of answer; `{job}` and `{file}` in `path` are made by the test."""

    path: str
    status: int
    caching: str = "no-store"
    method: str = "GET"
    policy: str = re.escape(API_POLICY)
    shared_with: str = "same-origin"
    page: bool = False
    options: Any = None


PAGE = re.escape("default-src 'self'; img-src 'self' data: blob:; object-src 'none'; ") + ".*"
PICTURE = re.escape("default-src 'none'; frame-ancestors 'none'; sandbox")
ANYBODY = "cross-origin"

KINDS = {
    "studio": Kind("/", 200, policy=PAGE, page=True),
    "studio by HEAD": Kind("/", 405, method="HEAD"),
    "dashboard": Kind("/ops", 200, policy=PAGE, page=True),
    "view": Kind("/ops/jobs", 200, policy=PAGE, page=True),
    "documentation": Kind("/docs", 200, policy=r"default-src 'none'; script-src 'self';.*",
                          page=True),
    "asset of the documentation": Kind("/docs/assets/docs.js", 200, "max-age=3600"),
    "openapi": Kind("/openapi.json", 200),
    "client": Kind("/prompt-queue.js", 200, "public, no-cache", shared_with=ANYBODY),
    "button": Kind("/prompt-queue-generate.js", 307, "public, no-cache", shared_with=ANYBODY),
    "style": Kind("/static/old/base.css", 200, "public, no-cache", shared_with=ANYBODY),
    "icon": Kind("/favicon.ico", 200, "public, no-cache", shared_with=ANYBODY),
    "no such file": Kind("/static/old/none.css", 404),
    "upload": Kind("{file}", 200, "private, max-age=3600", policy=PICTURE, shared_with=ANYBODY),
    "upload by HEAD": Kind("{file}", 200, "private, max-age=3600", "HEAD", PICTURE, ANYBODY),
    "no such upload": Kind("/files/none", 404),
    "sample": Kind("/samples/cat.jpg", 200, "private, max-age=3600", policy=PICTURE,
                   shared_with=ANYBODY),
    "job": Kind(QUEUE + "/{job}", 200, "private, no-cache"),
    "job unchanged": Kind(QUEUE + "/{job}", 304, "private, no-cache",
        options={"headers": {"If-None-Match": "*"}}),
    "timeline": Kind(QUEUE + "/{job}/timeline", 200),
    "list": Kind(QUEUE + "/jobs", 200),
    "statistics": Kind(QUEUE, 200),
    "me": Kind("/api/me", 200),
    "metrics": Kind("/metrics", 200,
                    options={"headers": {"Authorization": f"Bearer {CRON_SECRET}"}}),
    "metrics without a token": Kind("/metrics", 401),
    "health": Kind("/api/health", 200),
    "no such job": Kind(f"{QUEUE}/{NOWHERE}", 404),
    "bad id": Kind(f"{QUEUE}/none", 422),
    "bad body": Kind(QUEUE, 400, method="POST",
                     options={"data": b"{", "headers": {"Content-Type": "application/json"}}),
    "not JSON": Kind(QUEUE, 415, method="POST", options={"data": b"x"}),
    "no such route": Kind("/none", 404),
    "no such method": Kind(QUEUE, 405, method="PATCH"),
    "another host": Kind("/", 421, options={"headers": {"Host": "evil.example"}}),
    "another site": Kind(QUEUE, 403, method="POST",
                         options={"json": {}, "headers": {"Origin": "https://evil.example"}}),
    "no secret": Kind("/api/cron/prompt-processor", 401, method="POST"),
}  # fmt: skip


async def file_of(api: Api) -> str:
    """Where a picture that was just uploaded is."""
    reply = await api.post(
        "/api/uploads", data=plain("teal"), headers={"Content-Type": "image/png"}
    )
    assert reply.status == 201, reply.content
    return str(reply.body["url"])


async def test_every_kind_of_answer_says_what_browsers_may_do(api: Api, demo: UUID) -> None:
    """Policy, type, framing, referrer, other origins and caches; nothing names the server."""
    job, file = await api.queued(demo), await file_of(api)
    wrong = []
    for name, kind in KINDS.items():
        path = kind.path.format(job=job, file=file)
        reply = await api.call(kind.method, path, **(kind.options or {}))
        said = reply.headers
        expected = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": kind.caching,
            "Cross-Origin-Resource-Policy": kind.shared_with,
            "Cross-Origin-Opener-Policy": "same-origin" if kind.page else None,
            "Server": None,
            "Set-Cookie": None,
            "Strict-Transport-Security": None,
        }
        found = {header: said.get(header) for header in expected}
        policy = said.getall("Content-Security-Policy")
        if reply.status != kind.status or found != expected:
            wrong.append((name, reply.status, found))
        if len(policy) != 1 or not re.fullmatch(kind.policy, policy[0]):
            wrong.append((name, policy))
        if "frame-ancestors 'none'" not in policy[0] or "unsafe-eval" in policy[0]:
            wrong.append((name, policy))
        if kind.caching == "private, no-cache" and "Authorization" not in said["Vary"]:
            wrong.append((name, said["Vary"]))
    assert not wrong, "\n".join(map(str, wrong))


async def test_a_stream_says_the_same(api: Api, demo: UUID) -> None:
    """Server-sent events are answers too."""
    job = await api.queued(demo)
    async with api.session.get(f"{api.url}{QUEUE}/{job}/events") as stream:
        said = stream.headers
        assert said["Content-Type"].startswith("text/event-stream")
    assert said["Content-Security-Policy"] == API_POLICY
    assert said["X-Content-Type-Options"] == "nosniff"
    assert said["Referrer-Policy"] == "no-referrer"
    assert said["Cross-Origin-Resource-Policy"] == "same-origin"
    assert said["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("public_url", "kept"),
    [("https://queue.example.org", "max-age=31536000"), ("http://queue.example.org", None)],
)
async def test_https_is_kept_where_it_is_offered(
    database_url: str, tmp_path: Path, public_url: str, kept: str | None
) -> None:
    """A browser that came over HTTPS once comes so again: pages, data, refusals and redirects."""
    async with running(database_url, tmp_path, public_url=public_url) as api:
        address = f"http://127.0.0.1:{api.server.servers[0].sockets[0].getsockname()[1]}"
        for path in ("/", "/api/health", "/none", "/prompt-queue-generate.js"):
            reply = await api.get(address + path)
            assert reply.headers.get("Strict-Transport-Security") == kept, path


async def test_no_name_in_a_request_becomes_a_header(api: Api, demo: UUID) -> None:
    """What ends a header is refused or taken out, whatever brings it."""
    for value in ("a\tb", "x" * 129, "a;b", "\x80", "a b"):
        reply = await api.get("/api/me", headers={"X-Request-Id": value})
        assert reply.headers["X-Request-Id"] != value
    for path in (
        "/api/%0d%0aX-Evil:%201",
        f"{QUEUE}/jobs?cursor=%0d%0aX-Evil:%201",
        "/static/%0d%0aX-Evil:%201/base.css",
        "/samples/%0d%0aX-Evil:%201",
        "/ops/%0d%0aX-Evil:%201",
    ):
        reply = await api.get(path)
        assert "X-Evil" not in reply.headers, path
        assert not any("X-Evil" in value for value in reply.headers.values()), path
