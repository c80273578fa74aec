"""The provider's own log, clients that leave, and a thousand calls at once."""

import asyncio
import hashlib
import time

import aiohttp
import pytest
from xai_calls import Ask, chat_body, png, until

from prompt_queue.testing import PictureServer, StandIn


async def test_the_log_tells_what_was_asked_and_answered(
    ask: Ask, photo: str, xai_stand_in: StandIn
) -> None:
    """One record names model, pictures, prompt, nonce, status and cost of a call."""
    before = time.monotonic()
    _, answer = await ask(photo, headers={"x-request-nonce": "job-1"})
    prompt = answer["choices"][0]["message"]["content"]
    (call,) = xai_stand_in.calls()
    assert call["nonce"] == "job-1"
    assert call["model"] == "grok-4.7"
    assert (call["status"], call["outcome"], call["charged"]) == (200, "answered", True)
    assert call["image_sha256s"] == [hashlib.sha256(png((0, 128, 128))).hexdigest()]
    assert call["prompt_sha"] == hashlib.sha256(prompt.encode()).hexdigest()
    assert call["cost_in_usd_ticks"] == answer["usage"]["cost_in_usd_ticks"]
    assert before <= call["at_monotonic"] <= call["ended_monotonic"] <= time.monotonic()


async def test_the_nonce_comes_from_a_header_or_the_user_field(
    ask: Ask, xai_stand_in: StandIn
) -> None:
    """The request's nonce is looked for in both headers, then in the body."""
    await ask(headers={"x-request-nonce": "a", "x-grok-conv-id": "b"}, user="c")
    await ask(headers={"x-grok-conv-id": "b"}, user="c")
    await ask(user="c")
    await ask()
    assert [call["nonce"] for call in xai_stand_in.calls()] == ["a", "b", "c", None]


async def test_refused_calls_are_logged_and_cost_nothing(xai_stand_in: StandIn, ask: Ask) -> None:
    """A call that was refused is in the log with the reason, uncharged."""
    await ask(model="grok-1")
    async with aiohttp.ClientSession() as session:
        await session.post(f"{xai_stand_in.base_url}/chat/completions", json={})
    first, second = xai_stand_in.calls()
    assert (first["status"], first["outcome"], first["charged"]) == (400, "error", False)
    assert first["detail"] == "Model not found: grok-1"
    assert second["status"] == 401


async def test_a_client_that_leaves_is_noted(ask: Ask, photo: str, xai_stand_in: StandIn) -> None:
    """A client that goes away during the answer is charged for it, as xAI would."""
    xai_stand_in.settings(latency_seconds=60)
    task = asyncio.create_task(ask(photo))
    (call,) = await until(lambda: [c for c in xai_stand_in.calls() if c["charged"]])
    assert (call["outcome"], call["status"]) == ("open", None)
    task.cancel()
    (call,) = await until(lambda: [c for c in xai_stand_in.calls() if c["outcome"] != "open"])
    assert (call["outcome"], call["ended_by_client"], call["charged"]) == (
        "client_gone",
        True,
        True,
    )


async def test_a_client_that_leaves_during_the_download_is_not_charged(
    ask: Ask, picture_server: PictureServer, xai_stand_in: StandIn
) -> None:
    """Before the pictures are read there is nothing to charge for."""
    url = picture_server.add("slow.png", png((1, 1, 1)), delay_seconds=60)
    task = asyncio.create_task(ask(url))
    await until(lambda: picture_server.hits)
    task.cancel()
    (call,) = await until(lambda: [c for c in xai_stand_in.calls() if c["outcome"] != "open"])
    assert (call["outcome"], call["charged"]) == ("client_gone", False)


async def test_the_log_can_be_read_from_a_number(ask: Ask, xai_stand_in: StandIn) -> None:
    """Numbers rise with each call, and a reader may ask for what came after one."""
    for _ in range(3):
        await ask()
    numbers = [call["number"] for call in xai_stand_in.calls()]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert [call["number"] for call in xai_stand_in.calls(since=numbers[0])] == numbers[1:]


async def test_a_fresh_view_starts_empty(ask: Ask, xai_stand_in: StandIn) -> None:
    """What one test scripted and logged is out of sight of the next."""
    xai_stand_in.script({"fault": "status", "status": 503, "times": -1})
    xai_stand_in.settings(latency_seconds=5)
    assert (await ask())[0] == 503
    view = xai_stand_in.fresh_view()
    assert (view.calls(), view.faults()) == ([], [])
    assert view.settings()["latencySeconds"] == 0.0
    assert len(xai_stand_in.calls()) == 1


@pytest.mark.parametrize("path", ["/admin/calls", "/admin/faults", "/admin/settings"])
async def test_web_pages_cannot_reach_the_admin_routes(xai_stand_in: StandIn, path: str) -> None:
    """A request that a browser sends for another site is refused."""
    url = xai_stand_in.base_url.removesuffix("/v1") + path
    headers = {"Origin": "https://page.example"}
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers=headers) as response:
            assert response.status == 403
        async with session.get(url) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type"),
    [
        ("POST", "/admin/faults", b"[]", "text/plain"),
        ("POST", "/admin/faults", b"{", "application/json"),
        ("POST", "/admin/settings", b"[]", "application/json"),
        ("GET", "/admin/calls?since=x", b"", "application/json"),
    ],
)
async def test_the_admin_routes_explain_wrong_requests(
    xai_stand_in: StandIn, method: str, path: str, body: bytes, content_type: str
) -> None:
    """Wrong admin requests get 400 and a sentence."""
    url = xai_stand_in.base_url.removesuffix("/v1") + path
    headers = {"Content-Type": content_type}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, data=body, headers=headers) as response,
    ):
        assert response.status == 400
        assert (await response.json())["error"].endswith(".")


async def test_a_thousand_calls_at_once_do_not_wait_for_each_other(
    http: aiohttp.ClientSession, picture_server: PictureServer, xai_stand_in: StandIn
) -> None:
    """A thousand calls with two pictures and half a second of latency all succeed, together."""
    urls = [picture_server.add(f"{n}.png", png((n * 20, 90, 90))) for n in range(10)]
    xai_stand_in.settings(latency_seconds=0.5)
    endpoint = f"{xai_stand_in.base_url}/chat/completions"

    async def one(number: int) -> int:
        body = chat_body(urls[number % 10], urls[number // 10 % 10], user=f"job-{number}")
        async with http.post(endpoint, json=body) as response:
            await response.read()
            return response.status

    began = time.monotonic()
    statuses = await asyncio.gather(*map(one, range(1_000)))
    assert set(statuses) == {200}
    assert time.monotonic() - began < 60
    calls = await asyncio.to_thread(xai_stand_in.calls)
    assert len({call["nonce"] for call in calls}) == 1_000
    assert all(call["charged"] and len(call["image_sha256s"]) == 2 for call in calls)
