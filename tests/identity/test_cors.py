"""Pages of other sites: those that were named may call, and read errors too; no others."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
import structlog

from prompt_queue.settings import SettingsError, load_settings
from tests.api.running import QUEUE, Api, running

APP = "https://app.example.com"


@pytest.fixture
async def open_api(database_url: str, demo: UUID, tmp_path: Path) -> AsyncIterator[Api]:
    """Without an identity, with one site that may call."""
    async with running(database_url, tmp_path, allowed_origins=(APP,)) as started:
        yield started


def asking(method: str, origin: str = APP) -> dict[str, str]:
    """A preflight, as browsers send it."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
        "Sec-Fetch-Site": "cross-site",
    }


async def test_a_named_site_is_let_in(open_api: Api, demo: UUID) -> None:
    """Preflight, read, write and errors, each with the headers that let the page see them."""
    before = await open_api.call("OPTIONS", QUEUE, headers=asking("POST"))
    assert before.status == 204
    allowed = {h.strip().lower() for h in before.headers["Access-Control-Allow-Headers"].split(",")}
    assert allowed >= {"authorization", "content-type", "idempotency-key", "prefer",
                       "if-none-match", "last-event-id", "traceparent"}  # fmt: skip
    assert "DELETE" in before.headers["Access-Control-Allow-Methods"]
    page = {"Origin": APP, "Sec-Fetch-Site": "cross-site"}
    replies = [
        before,
        await open_api.get(QUEUE, headers=page),
        await open_api.enqueue(demo),
        await open_api.get("/nowhere", headers=page),
        await open_api.get(f"{QUEUE}/x", headers=page),
        await open_api.get(QUEUE, headers=page | {"Host": "evil.example"}),
        await open_api.post(QUEUE, data=b"{", headers=page | {"Content-Type": "text/plain"}),
        await open_api.post(
            QUEUE, json={"rowId": str(demo), "targetUrl": "https://images.example.com/a.jpg"},
            headers=page,
        ),
    ]  # fmt: skip
    assert [reply.status for reply in replies] == [204, 200, 202, 404, 422, 421, 415, 202]
    for reply in (*replies[:2], *replies[3:]):
        assert reply.headers["Access-Control-Allow-Origin"] == APP
        assert "Origin" in reply.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in reply.headers
        exposed = reply.headers["Access-Control-Expose-Headers"]
        for name in ("X-Request-Id", "ETag", "Retry-After", "Location", "X-Error-Code",
                     "Idempotency-Replayed", "RateLimit"):  # fmt: skip
            assert name in exposed


async def test_an_answer_to_a_crash_has_the_headers_too(open_api: Api) -> None:
    """The page learns of a 500 and its request id, not of a failed fetch."""

    async def broken() -> None:
        raise RuntimeError("as a bug would")

    object.__setattr__(open_api.parts.estimates, "stats", broken)
    with structlog.testing.capture_logs():
        reply = await open_api.get(QUEUE, headers={"Origin": APP})
    assert reply.status == 500
    assert reply.headers["Access-Control-Allow-Origin"] == APP


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", f"{APP}.evil.example", "http://app.example.com", f"{APP}:8443",
     "https://APP.example.com", "null", f"{APP}/", f"{APP}, https://evil.example", "*", ""],
)  # fmt: skip
async def test_no_other_site_is(open_api: Api, demo: UUID, origin: str) -> None:
    """Not one that only looks like it; what is cached for one is not shown to the other."""
    preflight = await open_api.call("OPTIONS", QUEUE, headers=asking("POST", origin))
    read = await open_api.get(QUEUE, headers={"Origin": origin})
    write = await open_api.post(QUEUE, json={}, headers={"Origin": origin})
    assert (preflight.status, write.status) == (405, 403)
    for reply in (preflight, read, write):
        assert "Access-Control-Allow-Origin" not in reply.headers
        assert reply.headers["Vary"] == "Origin"


async def test_public_code_may_be_loaded_from_anywhere(open_api: Api) -> None:
    """The client is a module that pages of other sites import."""
    for headers in ({}, {"Origin": "https://anywhere.example"}, {"Origin": APP}):
        reply = await open_api.get("/prompt-queue.js", headers=headers)
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize(
    "value",
    ["*", "https://*.example.com", "https://app.example.com/", "app.example.com", "null",
     "https://app.example.com/page", "ftp://app.example.com", "https://APP.example.com",
     "https://user@app.example.com"],
)  # fmt: skip
def test_only_exact_origins_can_be_named(tmp_path: Path, value: str) -> None:
    """A pattern, or what no browser would ever send, is refused at the start."""
    with pytest.raises(SettingsError, match="ALLOWED_ORIGINS"):
        load_settings({}, tmp_path / "no.env", allowed_origins=value)
