"""One call to Grok, against a real local server."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from prompt_queue.generation.answer import CallFailed, GrokAnswer
from prompt_queue.generation.grok import GrokClient
from prompt_queue.generation.messages import build_messages
from prompt_queue.generation.timeouts import CallTimeouts
from prompt_queue.guards.egress import provider_session
from prompt_queue.jobs.errors import (
    BadInput,
    Misconfigured,
    OutOfCredit,
    RateLimited,
    Refused,
    Transient,
    Unanswered,
)
from tests.conftest import until_true
from tests.generation.fake_grok import (
    KEY,
    PROMPT,
    Script,
    always,
    completion,
    failing,
    fake_grok,
    hang,
)
from tests.generation.test_stream import STOP, TOTAL, chunk

MESSAGES = build_messages(["https://example.com/r.jpg"], "https://example.com/t.jpg")


@asynccontextmanager
async def client_of(
    base: str, seconds: float = 5.0, effort: str = "low"
) -> AsyncIterator[GrokClient]:
    async with provider_session(base) as session:
        yield GrokClient(session, base, KEY, effort, CallTimeouts(seconds, seconds))


async def ask(base: str, seconds: float = 5.0, model: str = "grok-4.7") -> GrokAnswer:
    async with client_of(base, seconds) as client:
        return await client.complete(model, MESSAGES, "conversation-1")


async def failure_of(base: str, seconds: float = 5.0) -> CallFailed:
    with pytest.raises(CallFailed) as raised:
        await ask(base, seconds)
    assert KEY not in str(raised.value)
    assert KEY not in str(raised.value.failure)
    return raised.value


async def test_an_answer_comes_with_model_usage_and_cost() -> None:
    """The happy path, over HTTP."""
    async with fake_grok(always(completion)) as grok:
        answer = await ask(grok.base)
    assert (answer.text, answer.model, answer.http_status) == (PROMPT, "grok-4.7", 200)
    assert answer.usage.prompt_tokens == 100
    assert str(answer.usage.cost_usd) == "0.0005"


async def test_the_request_is_the_one_that_the_reference_describes() -> None:
    """Key, content type, cache header, messages and limits are sent; nothing optional is."""
    async with fake_grok(always(completion)) as grok:
        await ask(grok.base)
    assert grok.requests == [
        {
            "model": "grok-4.7",
            "messages": MESSAGES,
            "max_completion_tokens": 400,
            "reasoning_effort": "low",
        }
    ]
    headers = grok.headers[0]
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Content-Type"] == "application/json"
    assert headers["x-grok-conv-id"] == "conversation-1"
    assert "Transfer-Encoding" not in headers


async def test_the_effort_is_left_out_for_a_model_that_rejects_it() -> None:
    """A parameter that a model calls an error is not sent."""
    async with fake_grok(always(completion)) as grok:
        await ask(grok.base, model="grok-4.20-0309-non-reasoning")
    assert "reasoning_effort" not in grok.requests[0]


async def test_large_inline_pictures_arrive_whole() -> None:
    """Megabytes of data URI are sent in pieces with a length, and without a warning."""
    picture = "data:image/jpeg;base64," + "A" * 6_000_000
    async with fake_grok(always(completion)) as grok, client_of(grok.base) as client:
        await client.complete("grok-4.7", build_messages([], picture), None)
        assert grok.requests[0]["messages"][1]["content"][-1]["image_url"]["url"] == picture
        assert "x-grok-conv-id" not in grok.headers[0]


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (400, "Incorrect API key provided: xai-ab***yz", Misconfigured),
        (403, "used all available credits", OutOfCredit),
        (403, "Content violates usage guidelines.", Refused),
        (412, "", BadInput),
        (429, "Too many requests", RateLimited),
        (500, "", Transient),
        (307, "", Misconfigured),
    ],
)
async def test_a_failure_has_its_class_and_counts_as_answered(
    status: int, text: str, expected: type[Exception]
) -> None:
    """Every reply settles the call in the ledger."""
    async with fake_grok(always(lambda: failing(status, text, Location="/v1/x"))) as grok:
        failed = await failure_of(grok.base)
    assert type(failed.failure) is expected
    assert (failed.answered, failed.http_status) == (True, status)
    assert len(grok.requests) == 1


async def test_the_asked_pause_reaches_the_caller() -> None:
    """Retry-After is read from the reply's headers."""
    script = always(lambda: failing(429, "Too many requests", **{"Retry-After": "7"}))
    async with fake_grok(script) as grok:
        failed = await failure_of(grok.base)
    assert isinstance(failed.failure, RateLimited)
    assert failed.failure.retry_after == 7.0


async def test_a_hang_ends_at_the_deadline_and_may_have_been_charged() -> None:
    """The request left, nothing came back."""
    async with fake_grok(hang) as grok:
        async with asyncio.timeout(3):
            failed = await failure_of(grok.base, 0.4)
        assert type(failed.failure) is Unanswered
        assert (failed.answered, failed.http_status) == (False, None)
        async with asyncio.timeout(3):
            await grok.gone.wait()


async def test_a_dripping_reply_ends_at_the_deadline() -> None:
    """A byte now and then does not extend the time limit."""

    async def drip(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    async with fake_grok(drip) as grok, asyncio.timeout(3):
        failed = await failure_of(grok.base, 0.4)
    assert type(failed.failure) is Unanswered
    assert (failed.answered, failed.http_status) == (False, 200)


@pytest.mark.parametrize(
    ("status", "expected", "answered"),
    [(200, Unanswered, False), (500, Transient, True), (413, BadInput, True)],
)
async def test_a_truncated_reply_is_read_by_its_status(
    status: int, expected: type[Exception], answered: bool
) -> None:
    """A refusal is an answer even without its body, a success is not."""

    async def cut(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"choices": [')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with fake_grok(cut) as grok:
        failed = await failure_of(grok.base)
    assert type(failed.failure) is expected
    assert (failed.answered, failed.http_status) == (answered, status)


async def test_a_connection_cut_after_sending_may_have_been_charged() -> None:
    """A reset is no answer."""

    async def reset(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with fake_grok(reset) as grok:
        failed = await failure_of(grok.base)
        assert len(grok.requests) == 1
    assert type(failed.failure) is Unanswered
    assert not failed.answered


async def test_where_nothing_was_sent_nothing_is_open() -> None:
    """A refused connection is a passing fault that cost nothing."""
    async with fake_grok(always(completion)) as grok:
        pass
    failed = await failure_of(grok.base)
    assert type(failed.failure) is Transient
    assert (failed.answered, failed.http_status) == (True, None)


async def test_a_session_for_another_server_is_a_wrong_setup() -> None:
    """A base that does not fit the session is refused before a byte leaves."""
    async with (
        fake_grok(always(completion)) as grok,
        provider_session("http://127.0.0.1:9/v1") as session,
    ):
        client = GrokClient(session, grok.base, KEY, "low", CallTimeouts(5.0, 5.0))
        with pytest.raises(CallFailed) as raised:
            await client.complete("grok-4.7", MESSAGES, None)
        assert grok.requests == []
    assert type(raised.value.failure) is Misconfigured
    assert raised.value.answered


@pytest.mark.parametrize("status", [200, 500])
async def test_an_endless_reply_is_cut_at_the_cap(status: int) -> None:
    """Two mebibytes are more than any answer; the rest is not read."""

    async def flood(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async with fake_grok(flood) as grok, asyncio.timeout(5):
        failed = await failure_of(grok.base)
    assert type(failed.failure) is Transient
    assert "too large" in str(failed.failure)
    assert failed.answered


async def test_the_log_gets_the_providers_words_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The operator sees why, but no key."""
    words = f"Argument not supported, key {KEY}, other xai-abcdefgh"
    async with fake_grok(always(lambda: failing(400, words))) as grok:
        with caplog.at_level(logging.DEBUG):
            await failure_of(grok.base)
    assert "Argument not supported" in caplog.text
    assert KEY not in caplog.text
    assert "abcdefgh" not in caplog.text


async def test_a_key_of_any_form_stays_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A server of xAI's shape may have keys of another shape, and repeat them."""
    key = "house-key-0123456789"
    async with (
        fake_grok(always(lambda: failing(400, f"Wrong: {key}"))) as grok,
        provider_session(grok.base) as session,
    ):
        with caplog.at_level(logging.DEBUG), pytest.raises(CallFailed):
            await GrokClient(session, grok.base, key, "low", CallTimeouts(5.0, 5.0)).complete(
                "m", MESSAGES, None
            )
    assert "Wrong" in caplog.text
    assert key not in caplog.text


@pytest.mark.parametrize("key", ["", "  ", "xai-a\nHost: b", "xai-\u00e9"])
async def test_a_key_that_no_header_can_carry_is_refused_at_the_start(key: str) -> None:
    """The message does not repeat the key."""
    async with provider_session("http://127.0.0.1:9") as session:
        with pytest.raises(ValueError, match="XAI_API_KEY") as raised:
            GrokClient(session, "http://127.0.0.1:9", key, "low", CallTimeouts(5.0, 5.0))
    assert "Host" not in str(raised.value)


async def test_a_cancelled_call_closes_its_exchange() -> None:
    """The server sees the connection go."""
    async with fake_grok(hang) as grok:
        seen = asyncio.Event()
        grok.on_request = seen.set
        task = asyncio.create_task(ask(grok.base, 30))
        async with asyncio.timeout(5):
            await seen.wait()
            await until_true(lambda: grok.requests)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await grok.gone.wait()


async def test_many_calls_run_at_once() -> None:
    """The session itself limits nothing: 150 calls wait side by side."""
    inside = 0
    all_inside = asyncio.Event()

    async def meet(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        nonlocal inside
        inside += 1
        if inside == 150:
            all_inside.set()
        await all_inside.wait()
        return completion()

    async with fake_grok(meet) as grok, client_of(grok.base, 20) as client:
        calls = (client.complete("grok-4.7", MESSAGES, None) for _ in range(150))
        answers = await asyncio.gather(*calls)
    assert len(answers) == 150


def streaming(*parts: str, pause: float = 0.0, then: str = "end") -> Script:
    """Sends these events one after another; then it ends, breaks or goes silent."""

    async def script(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in parts:
            await response.write(part.encode())
            await asyncio.sleep(pause)
        if then == "silence":
            await asyncio.sleep(60)
        if then == "break":
            assert request.transport is not None
            request.transport.abort()
        return response

    return script


WRITTEN = [chunk({"content": f"{word} "}) for word in PROMPT.split(" ")]


async def stream(base: str, seconds: float = 5.0) -> tuple[GrokAnswer, list[str]]:
    shown: list[str] = []
    async with client_of(base, seconds) as client:
        answer = await client.complete("grok-4.7", MESSAGES, None, 0, shown.append)
    return answer, shown


async def test_a_streamed_answer_is_shown_while_it_is_written() -> None:
    """And asked for with its usage; the answer is the same as in one piece."""
    async with fake_grok(streaming(*WRITTEN, STOP, TOTAL, "data: [DONE]\n\n", pause=0.005)) as grok:
        answer, shown = await stream(grok.base)
    assert grok.requests[0]["stream"] is True
    assert grok.requests[0]["stream_options"] == {"include_usage": True}
    assert answer.text.strip() == PROMPT
    assert answer.usage.prompt_tokens == 100
    assert len(shown) > 5
    assert shown == sorted(shown, key=len)
    assert all(answer.text.startswith(text) for text in shown)


async def test_a_server_that_does_not_stream_answers_in_one_piece() -> None:
    """Also where it answers an error inside a 200."""
    async with fake_grok(always(completion)) as grok:
        assert (await stream(grok.base))[0].text == PROMPT
    error = {"code": "x", "error": "The service is currently unavailable"}
    async with fake_grok(always(lambda: web.json_response(error))) as grok:
        with pytest.raises(CallFailed) as raised:
            await stream(grok.base)
    assert isinstance(raised.value.failure, Transient)


@pytest.mark.parametrize("then", ["end", "break", "silence"])
async def test_a_stream_that_breaks_off_may_have_been_charged(then: str) -> None:
    """It brings no answer, however much of it was there."""
    async with fake_grok(streaming(*WRITTEN, then=then)) as grok:
        with pytest.raises(CallFailed) as raised:
            await stream(grok.base, seconds=1.0)
    assert isinstance(raised.value.failure, Unanswered)
    assert not raised.value.answered


@pytest.mark.parametrize("then", ["end", "break"])
async def test_a_whole_stream_counts_however_the_connection_ends(then: str) -> None:
    """It is paid for."""
    async with fake_grok(streaming(*WRITTEN, STOP, then=then)) as grok:
        assert (await stream(grok.base))[0].text.strip() == PROMPT


async def test_silence_after_the_last_mark_is_not_waited_for() -> None:
    """The answer is there."""
    parts = (*WRITTEN, STOP, "data: [DONE]\n\n")
    async with fake_grok(streaming(*parts, then="silence")) as grok, asyncio.timeout(5):
        assert (await stream(grok.base, seconds=30))[0].text.strip() == PROMPT


async def test_an_endless_stream_is_cut() -> None:
    """At the size that every reply may have."""
    filler = chunk({"reasoning_content": "x" * 300_000})
    async with fake_grok(streaming(*[filler] * 20)) as grok:
        with pytest.raises(CallFailed) as raised:
            await stream(grok.base)
    assert "too large" in str(raised.value.failure)
