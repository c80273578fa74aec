"""Whatever the provider sends, it has one class, costs little memory and holds up nobody."""

import asyncio
import contextlib
import gzip
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest
from aiohttp import web

from prompt_queue.jobs.errors import (
    BadInput,
    Misconfigured,
    ModelUnusable,
    OutOfCredit,
    PromptFailure,
    RateLimited,
    Refused,
    Transient,
    Unanswered,
)
from tests.generation.fake_grok import PROMPT, always, fake_grok
from tests.generation.test_grok import ask, failure_of

MOST_BYTES = 50 * 1024 * 1024
MOST_SECONDS = 0.1
_TICK_SECONDS = 0.005


def answer(message: Any, **choice: Any) -> bytes:
    """A completion whose message is this."""
    body = {
        "model": "grok-4.7",
        "choices": [{"message": message, "finish_reason": "stop"} | choice],
    }
    return json.dumps(body).encode()


def said(content: Any, **choice: Any) -> bytes:
    return answer({"role": "assistant", "content": content}, **choice)


GOOD = said(PROMPT)
DEEP = b'{"choices": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"
BOMB = gzip.compress(b"0" * 100_000_000)

BODIES: dict[str, tuple[int, bytes, type[PromptFailure]]] = {
    "nothing": (200, b"", Transient),
    "cut off JSON": (200, GOOD[: len(GOOD) // 2], Transient),
    "a page": (200, b"<!doctype html><title>Sign in</title>", Transient),
    "a gzip bomb": (200, BOMB, Transient),
    "compressed JSON": (200, gzip.compress(GOOD), Transient),
    "no UTF-8": (200, GOOD.replace(b"Replace", b"\xff\xfe\xfd"), Transient),
    "a number": (200, b"42", Transient),
    "not a number": (200, b"NaN", Transient),
    "a number without end": (200, b'{"choices": ' + b"9" * 100_000 + b"}", Transient),
    "a list": (200, b"[" + GOOD + b"]", Transient),
    "ten thousand brackets": (200, DEEP, Transient),
    "keys twice": (200, GOOD[:-1] + b', "choices": null}', Transient),
    "no choices": (200, b'{"model": "grok-4.7", "choices": []}', Transient),
    "choices that are words": (200, b'{"choices": "many"}', Transient),
    "a choice that is null": (200, b'{"choices": [null]}', Transient),
    "a message that is a word": (200, answer("hello"), Transient),
    "null content": (200, said(None), Transient),
    "a number as content": (200, said(7), Transient),
    "spaces as content": (200, said(" \n\t "), Transient),
    "content in broken parts": (200, said([{"text": 5}, "x", None, {"type": "image"}]), Transient),
    "an answer that ends too early": (200, said(PROMPT, finish_reason="length"), Transient),
    "a refusal beside the content": (200, answer({"content": PROMPT, "refusal": "No."}), Refused),
    "filtered": (200, said(PROMPT, finish_reason="content_filter"), Refused),
    "a flat error in a 200": (200, b'{"code": "x", "error": "Too many requests"}', RateLimited),
    "a nested error in a 200": (
        200, b'{"error": {"message": "used all available credits"}}', OutOfCredit,
    ),
    "an error that is a list": (400, b'[{"error": "Model not found: grok-9"}]', ModelUnusable),
    "an error that is a number": (400, b'{"error": 17}', ModelUnusable),
    "an error without end": (500, b'{"error": "' + b"x" * 1_000_000 + b'"}', Transient),
    "a deep error": (400, b'{"error": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", ModelUnusable),
    "a page as error": (403, b"<html>Forbidden by the proxy</html>", Misconfigured),
    "bytes as error": (502, bytes(range(256)) * 100, Transient),
    "a status that does not exist": (599, b"", Transient),
    "too early": (425, b"", Transient),
    "a picture's fault in capitals": (400, b'{"error": "INVALID JPEG IMAGE"}', BadInput),
}  # fmt: skip


class Watch:
    """The longest time for which the loop computed without a pause, and how memory grew."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._process = psutil.Process()
        self._before = self._most = self._process.memory_info().rss

    @property
    def bytes(self) -> int:
        return self._most - self._before

    async def look(self) -> None:
        used = time.thread_time()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            used, before = time.thread_time(), used
            self.seconds = max(self.seconds, used - before)
            self._most = max(self._most, self._process.memory_info().rss)


@asynccontextmanager
async def watched() -> AsyncIterator[None]:
    """What happens inside neither holds up the loop nor fills the memory."""
    watch = Watch()
    looking = asyncio.create_task(watch.look())
    try:
        yield
    finally:
        looking.cancel()
    assert watch.seconds < MOST_SECONDS
    assert watch.bytes < MOST_BYTES


@pytest.mark.parametrize(("status", "body", "expected"), BODIES.values(), ids=BODIES.keys())
async def test_every_body_has_its_class(
    status: int, body: bytes, expected: type[PromptFailure]
) -> None:
    """And each is an answer: nothing is open in the cost book."""
    reply = always(lambda: web.Response(status=status, body=body, content_type="application/json"))
    async with fake_grok(reply) as grok, watched():
        failed = await failure_of(grok.base)
    assert type(failed.failure) is expected
    assert (failed.answered, failed.http_status) == (True, status)


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        GOOD[:-1] + b', "usage": {"prompt_tokens": NaN, "cost_in_usd_ticks": "many"}}',
        GOOD[:-1] + b', "usage": [1, 2], "id": {}}',
        said([{"type": "text", "text": PROMPT}, {"type": "noise"}]),
    ],
    ids=["a mark before it", "UTF-16", "usage that is not a number", "usage as a list", "parts"],
)
async def test_an_answer_is_read_through_harmless_noise(body: bytes) -> None:
    """What is wrong beside the answer does not spoil it."""
    reply = always(lambda: web.Response(body=body, content_type="application/json"))
    async with fake_grok(reply) as grok, watched():
        assert (await ask(grok.base)).text == PROMPT


async def test_another_model_than_asked_is_named() -> None:
    """The one that answered is the one that is paid."""
    body = GOOD.replace(b"grok-4.7", b"grok-1-mini")
    reply = always(lambda: web.Response(body=body, content_type="application/json"))
    async with fake_grok(reply) as grok:
        assert (await ask(grok.base)).model == "grok-1-mini"


@pytest.mark.parametrize("name", ["", "\x00\n", 7, ["x"]])
async def test_a_name_that_is_none_is_not_taken(name: object) -> None:
    """The model and the id of an answer are words, or those that we know."""
    body = json.dumps(json.loads(GOOD) | {"model": name, "id": name}).encode()
    reply = always(lambda: web.Response(body=body, content_type="application/json"))
    async with fake_grok(reply) as grok:
        answer = await ask(grok.base)
    assert (answer.text, answer.model, answer.id) == (PROMPT, "grok-4.7", None)


async def test_a_redirect_to_an_inside_address_is_not_followed() -> None:
    """It is a wrong setup, whatever stands behind it."""
    seen: list[str] = []

    async def inside(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        seen.append(request.path)
        return web.Response(status=307, headers={"Location": "http://127.0.0.2:1/latest/meta-data"})

    async with fake_grok(inside) as grok:
        failed = await failure_of(grok.base)
    assert (type(failed.failure), len(seen)) == (Misconfigured, 1)


@pytest.mark.parametrize("status", [200, 500])
async def test_a_hundred_megabytes_are_not_read(status: int) -> None:
    """The connection is closed long before."""
    sent = 0

    async def flood(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=status)
        response.content_length = 100_000_000
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while sent < 100_000_000:
                await response.write(b" " * 100_000)
                sent += 100_000
        return response

    async with fake_grok(flood) as grok, watched():
        failed = await failure_of(grok.base)
    assert type(failed.failure) is Transient
    assert sent < 20_000_000


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(talk: Talk) -> AsyncIterator[str]:
    """A server that may say anything; the address in the form that a client of xAI takes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def saying(text: bytes) -> Talk:
    """Reads the whole request, says this, and leaves."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        await reader.readexactly(length)
        writer.write(text)
        await writer.drain()

    return talk


OK = b"HTTP/1.1 200 OK\r\n"
WIRE = {
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing at all": b"",
    "half a header": OK + b"Content-Ty",
    "a header without end": OK + b"X: " + b"y" * 200_000,
    "a wrong length": OK + b"Content-Length: 5000\r\n\r\n" + GOOD,
    "a length that is a word": OK + b"Content-Length: many\r\n\r\n" + GOOD,
    "a chunk that lies": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GOOD,
    "chunks that stop": OK + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"mod',
}


@pytest.mark.parametrize("text", WIRE.values(), ids=WIRE.keys())
async def test_noise_on_the_wire_may_have_been_charged(text: bytes) -> None:
    """The request left, and no answer was understood."""
    async with raw_server(saying(text)) as place, watched():
        failed = await failure_of(f"http://{place}/v1")
    assert type(failed.failure) is Unanswered
    assert not failed.answered


async def test_a_server_that_speaks_no_tls_costs_nothing() -> None:
    """The request has not left: it is a passing fault with nothing open."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with raw_server(talk) as place:
        failed = await failure_of(f"https://{place}/v1")
    assert type(failed.failure) is Transient
    assert (failed.answered, failed.http_status) == (True, None)
