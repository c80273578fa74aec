"""Loopback mode is open to this machine, and not to the pages of other sites."""

import asyncio
import json
from uuid import UUID

import pytest

from tests.api.running import PHOTO, QUEUE, Api


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.example:8080",
        "localhost.",
        "0.0.0.0:8080",
        "192.168.1.5:8080",
        "[::]",
        "localhost:80:80",
        "user@localhost",
    ],
)
@pytest.mark.parametrize("path", [QUEUE, "/docs", "/openapi.json", "/nowhere", "/samples/cat.jpg"])
async def test_other_host_names_are_refused(api: Api, host: str, path: str) -> None:
    """A name that somebody else points here (DNS rebinding) gets nothing, on any route."""
    reply = await api.get(path, headers={"Host": host})
    assert (reply.status, reply.body["code"]) == (421, "misdirected_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1:1", "[::1]", "[::1]:8080"])
async def test_loopback_names_are_accepted(api: Api, host: str) -> None:
    """Any loopback name with any port is fine: tunnels and containers change ports."""
    assert (await api.get(QUEUE, headers={"Host": host})).status == 200


async def test_a_request_without_a_host_or_with_two_is_refused(api: Api) -> None:
    """What leaves open whom it means is not answered."""
    for hosts in (b"", b"Host: localhost\r\nHost: localhost\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.split(":")[2]))
        writer.write(b"GET /api/prompt/queue HTTP/1.0\r\n" + hosts + b"\r\n")
        answer = await reader.read()
        assert b" 421 " in answer.split(b"\r\n")[0]
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", QUEUE),
        ("POST", "/api/uploads"),
        ("POST", "/api/init"),
        ("POST", "/api/rows"),
        ("DELETE", f"{QUEUE}/00000000-0000-4000-a000-000000000009"),
    ],
)
async def test_writes_of_other_sites_are_refused(
    api: Api, demo: UUID, method: str, path: str, headers: dict[str, str]
) -> None:
    """A browser says from where a page writes; anything but this origin is 403."""
    body = json.dumps({"rowId": str(demo), "targetUrl": PHOTO})
    sent = headers | {"Content-Type": "application/json"}
    reply = await api.call(method, path, data=body, headers=sent)
    assert (reply.status, reply.body["code"]) == (403, "cross_origin")


async def test_a_page_of_this_server_may_write(api: Api, demo: UUID) -> None:
    """Same origin, as a browser shows it, passes."""
    body = {"rowId": str(demo), "targetUrl": PHOTO}
    headers = {"Origin": api.url, "Sec-Fetch-Site": "same-origin"}
    assert (await api.post(QUEUE, json=body, headers=headers)).status == 202


@pytest.mark.parametrize("path", [QUEUE, "/api/rows", "/api/init", f"{QUEUE}/x/retry"])
async def test_bodies_that_are_not_json_are_refused(api: Api, path: str) -> None:
    """What a form can send without asking first (CORS-simple) is read by uploads only."""
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        reply = await api.post(path, data=b"a=1", headers={"Content-Type": content_type})
        assert (reply.status, reply.body["code"]) == (415, "unsupported_media_type")
