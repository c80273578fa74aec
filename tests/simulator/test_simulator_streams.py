"""Streamed answers of the stand-in, and how they fail."""

import json
import time
from typing import Any

import aiohttp
import pytest
from xai_calls import Ask, chat_body

from prompt_queue.testing import StandIn


async def events(
    http: aiohttp.ClientSession, stand_in: StandIn, photo: str, **fields: Any
) -> list[Any]:
    """The events of one streamed answer; the last mark as a text."""
    url = f"{stand_in.base_url}/chat/completions"
    async with http.post(url, json=chat_body(photo, stream=True, **fields)) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        lines = (await response.text()).split("\n\n")
    data = [line.removeprefix("data: ") for line in lines if line]
    return [text if text == "[DONE]" else json.loads(text) for text in data]


def text_of(found: list[Any]) -> str:
    choices = [one["choices"][0] for one in found if one != "[DONE]" and one["choices"]]
    return "".join(choice["delta"].get("content", "") for choice in choices)


async def test_a_stream_says_the_same_as_an_answer_in_one_piece(
    http: aiohttp.ClientSession, ask: Ask, xai_stand_in: StandIn, photo: str
) -> None:
    """Thoughts first, then the words, the reason, the usage if asked for, and the mark."""
    _, whole = await ask(photo)
    found = await events(http, xai_stand_in, photo, stream_options={"include_usage": True})
    choice = whole["choices"][0]
    assert text_of(found) == choice["message"]["content"]
    first = found[0]
    assert (
        first["choices"][0]["delta"]["reasoning_content"]
        == (choice["message"]["reasoning_content"])
    )
    assert (first["object"], first["model"]) == ("chat.completion.chunk", whole["model"])
    assert found[-3]["choices"][0]["finish_reason"] == "stop"
    assert found[-2]["choices"] == []
    assert found[-2]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]
    assert found[-1] == "[DONE]"
    assert "usage" not in (await events(http, xai_stand_in, photo))[-2]


async def test_a_stream_takes_its_time(
    http: aiohttp.ClientSession, xai_stand_in: StandIn, photo: str
) -> None:
    """As long as the answer in one piece; the first word comes before the last."""
    xai_stand_in.settings(latency_seconds=1.0)
    began, arrived = time.monotonic(), []
    url = f"{xai_stand_in.base_url}/chat/completions"
    async with http.post(url, json=chat_body(photo, stream=True)) as response:
        async for line in response.content:
            if b'"content"' in line:
                arrived.append(time.monotonic() - began)
    assert 0.25 <= arrived[0] < arrived[-1]
    assert time.monotonic() - began >= 0.95


@pytest.mark.parametrize("kind", ["stream_error", "stream_end"])
async def test_a_stream_fails_half_way(
    http: aiohttp.ClientSession, ask: Ask, xai_stand_in: StandIn, photo: str, kind: str
) -> None:
    """Some words come, no reason and no mark; the call was charged."""
    whole = text_of(await events(http, xai_stand_in, photo))
    xai_stand_in.script({"fault": kind})
    url = f"{xai_stand_in.base_url}/chat/completions"
    async with http.post(url, json=chat_body(photo, stream=True)) as response:
        text = await response.text()
    assert "[DONE]" not in text
    assert "finish_reason" not in text
    assert ("currently unavailable" in text) == (kind == "stream_error")
    assert whole.split(" ")[0] in text
    call = xai_stand_in.calls()[-1]
    assert (call["outcome"], call["charged"]) == (f"fault:{kind}", True)


async def test_faults_of_streams_hit_whole_answers_too(
    http: aiohttp.ClientSession, ask: Ask, xai_stand_in: StandIn, photo: str
) -> None:
    """In the way that comes nearest."""
    xai_stand_in.script({"fault": "stream_error"})
    status, body = await ask(photo)
    assert (status, "currently unavailable" in body["error"]) == (200, True)
    xai_stand_in.script({"fault": "stream_end"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(photo)


async def test_other_faults_spoil_streams_too(
    http: aiohttp.ClientSession, xai_stand_in: StandIn, photo: str
) -> None:
    """A refusal is streamed like any text."""
    xai_stand_in.script({"fault": "refusal"})
    assert "I can't help" in text_of(await events(http, xai_stand_in, photo))
