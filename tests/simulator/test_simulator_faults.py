"""Scripted faults, as a client meets them."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest
from xai_calls import Ask, chat_body, until

from prompt_queue.simulator.faults import KINDS
from prompt_queue.testing import StandIn, StandInError


async def test_a_status_fault_is_used_as_often_as_scripted(ask: Ask, xai_stand_in: StandIn) -> None:
    """Two scripted failures hit two calls, and the third is answered."""
    xai_stand_in.script({"fault": "status", "status": 503, "times": 2})
    replies = [await ask() for _ in range(3)]
    assert [status for status, _ in replies] == [503, 503, 200]
    assert "The service is currently unavailable" in replies[0][1]["error"]
    assert [call["outcome"] for call in xai_stand_in.calls()] == [
        "fault:status",
        "fault:status",
        "answered",
    ]
    assert xai_stand_in.faults()[0]["used"] == 2


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ({"fault": "status", "status": 404}, 404, "does not exist or your team"),
        ({"fault": "status", "status": 403}, 403, "used all available credits"),
        ({"fault": "status", "status": 418}, 418, "Invalid request content"),
        ({"fault": "status", "status": 500, "body": {"error": "own"}}, 500, "own"),
        ({"fault": "rate_limit"}, 429, "Requests per Second (actual/limit): 2/2"),
        ({"fault": "rate_limit", "variant": "tokens"}, 429, "Too many tokens"),
        ({"fault": "rate_limit", "variant": "capacity"}, 429, "temporarily at capacity"),
        ({"fault": "credits"}, 403, "monthly spending limit"),
        ({"fault": "safety"}, 403, "Content violates usage guidelines."),
        ({"fault": "model_not_found"}, 400, "Model not found: grok-4.7"),
        ({"fault": "model_not_found", "status": 404}, 404, "does not exist"),
        ({"fault": "model_not_found", "status": 500}, 500, "fully deprecated"),
        ({"fault": "error_in_200"}, 200, "The service is currently unavailable"),
    ],
)
async def test_error_faults_speak_as_xai(
    ask: Ask, xai_stand_in: StandIn, fault: dict[str, Any], status: int, text: str
) -> None:
    """Each error fault has xAI's status and wording, once."""
    xai_stand_in.script(fault)
    got, body = await ask()
    assert got == status
    assert text in body["error"]
    assert (await ask())[0] == 200


@pytest.mark.parametrize(("retry_after", "header"), [(7, "7"), ("soon", "soon"), (None, None)])
async def test_retry_after_is_sent_when_scripted(
    http: aiohttp.ClientSession, xai_stand_in: StandIn, retry_after: Any, header: str | None
) -> None:
    """A rate limit comes with the scripted Retry-After, or with none."""
    xai_stand_in.script({"fault": "rate_limit", "retryAfter": retry_after})
    url = f"{xai_stand_in.base_url}/chat/completions"
    async with http.post(url, json=chat_body()) as response:
        assert response.status == 429
        assert response.headers.get("Retry-After") == header


async def test_a_gateways_page_is_html(http: aiohttp.ClientSession, xai_stand_in: StandIn) -> None:
    """The html fault answers like a content network in front of xAI."""
    xai_stand_in.script({"fault": "html", "status": 520})
    url = f"{xai_stand_in.base_url}/chat/completions"
    async with http.post(url, json=chat_body()) as response:
        assert (response.status, response.content_type) == (520, "text/html")
        assert "<h1>Error 520</h1>" in await response.text()


async def test_a_text_body_is_sent_as_it_is(
    http: aiohttp.ClientSession, xai_stand_in: StandIn
) -> None:
    """A status fault with a text sends that text, which need not be JSON."""
    xai_stand_in.script({"fault": "status", "status": 200, "body": '{"choices": ['})
    url = f"{xai_stand_in.base_url}/chat/completions"
    async with http.post(url, json=chat_body()) as response:
        assert (response.status, await response.text()) == (200, '{"choices": [')


async def test_answers_can_be_spoiled(ask: Ask, photo: str, xai_stand_in: StandIn) -> None:
    """Empty and refused answers, filtered ones, redirected models and missing usage can be had."""
    xai_stand_in.script(
        {"fault": "empty"},
        {"fault": "empty", "body": "  "},
        {"fault": "refusal"},
        {"fault": "content_filter"},
        {"fault": "redirect"},
        {"fault": "no_usage"},
    )
    answers = [(await ask(photo))[1] for _ in range(6)]
    contents = [answer["choices"][0]["message"]["content"] for answer in answers]
    reasons = [answer["choices"][0]["finish_reason"] for answer in answers]
    assert contents[:2] == [None, "  "]
    assert contents[2].startswith("I'm sorry")
    assert contents[3] == ""
    assert reasons == ["stop", "stop", "stop", "content_filter", "stop", "stop"]
    assert answers[4]["model"] == "stand-in:grok-4.3"
    assert "usage" not in answers[5]
    assert all(call["charged"] for call in xai_stand_in.calls())


async def test_a_truncated_body_breaks_off(
    http: aiohttp.ClientSession, xai_stand_in: StandIn
) -> None:
    """The headers promise a whole answer and the connection ends in the middle of it."""
    xai_stand_in.script({"fault": "truncate"})
    async with http.post(f"{xai_stand_in.base_url}/chat/completions", json=chat_body()) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    (call,) = xai_stand_in.calls()
    assert (call["outcome"], call["charged"]) == ("fault:truncate", True)


async def test_a_reset_gives_no_answer(ask: Ask, xai_stand_in: StandIn) -> None:
    """The connection is torn down; the log knows which side did it."""
    xai_stand_in.script({"fault": "reset"})
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask()
    (call,) = await until(lambda: [c for c in xai_stand_in.calls() if c["outcome"] != "open"])
    assert (call["status"], call["outcome"], call["charged"]) == (None, "fault:reset", False)
    assert not call["ended_by_client"]


async def test_a_hang_lasts_until_the_client_leaves(ask: Ask, xai_stand_in: StandIn) -> None:
    """No answer ever comes; the log notes when the client gave up."""
    xai_stand_in.script({"fault": "hang"})
    task = asyncio.create_task(ask())
    await until(lambda: [c for c in xai_stand_in.calls() if c["outcome"] == "open"])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await asyncio.shield(task)
    task.cancel()
    (call,) = await until(lambda: [c for c in xai_stand_in.calls() if c["outcome"] != "open"])
    assert (call["outcome"], call["ended_by_client"]) == ("fault:hang", True)


async def test_a_hang_with_seconds_ends_without_an_answer(ask: Ask, xai_stand_in: StandIn) -> None:
    """After its seconds, a hanging call is cut off by the provider."""
    xai_stand_in.script({"fault": "hang", "seconds": 0.3})
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask()
    (call,) = await until(lambda: [c for c in xai_stand_in.calls() if c["outcome"] != "open"])
    assert not call["ended_by_client"]
    assert call["ended_monotonic"] - call["at_monotonic"] >= 0.3


async def test_a_dripping_answer_arrives_slowly_and_whole(ask: Ask, xai_stand_in: StandIn) -> None:
    """The body comes in small pieces spread over the scripted seconds."""
    xai_stand_in.script({"fault": "drip", "seconds": 0.6})
    began = time.monotonic()
    status, answer = await ask()
    assert (status, answer["object"]) == (200, "chat.completion")
    assert time.monotonic() - began >= 0.5


async def test_delays_add_to_what_follows(ask: Ask, xai_stand_in: StandIn) -> None:
    """Two delays and an error on one call: the error comes after both."""
    xai_stand_in.script(
        {"fault": "delay", "seconds": 0.2},
        {"fault": "delay", "seconds": 0.2},
        {"fault": "status", "status": 500},
    )
    began = time.monotonic()
    assert (await ask())[0] == 500
    assert time.monotonic() - began >= 0.4


async def test_a_fault_can_wait_for_its_model(ask: Ask, xai_stand_in: StandIn) -> None:
    """A fault for one model leaves the others alone."""
    xai_stand_in.script({"fault": "credits", "model": "grok-4.3", "times": -1})
    assert (await ask())[0] == 200
    assert (await ask(model="grok-4.3"))[0] == 403
    assert (await ask(model="grok-4.3"))[0] == 403


@pytest.mark.parametrize(("phase", "work"), [("before", (0, False)), ("after", (1, True))])
async def test_the_phase_decides_whether_work_was_done(
    ask: Ask, photo: str, xai_stand_in: StandIn, phase: str, work: tuple[int, bool]
) -> None:
    """A failure after the pictures were read is one that was paid for."""
    xai_stand_in.script({"fault": "status", "status": 502, "phase": phase})
    assert (await ask(photo))[0] == 502
    (call,) = xai_stand_in.calls()
    assert (len(call["image_sha256s"]), call["charged"]) == work


async def test_probability_is_seeded(ask: Ask, xai_stand_in: StandIn) -> None:
    """The same seed gives the same run of good and bad luck, another seed another."""
    runs = []
    for seed in (3, 3, 4):
        xai_stand_in.clear_faults()
        xai_stand_in.settings(seed=seed)
        xai_stand_in.script({"fault": "status", "status": 503, "times": -1, "probability": 0.5})
        runs.append([(await ask())[0] for _ in range(20)])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert set(runs[0]) == {200, 503}


async def test_latency_is_a_setting(ask: Ask, xai_stand_in: StandIn) -> None:
    """Answers take as long as they are told to, errors do not wait."""
    shown = xai_stand_in.settings(latency_seconds=0.4, latency_jitter_seconds=0.1)
    assert (shown["latencySeconds"], shown["latencyJitterSeconds"]) == (0.4, 0.1)
    began = time.monotonic()
    await ask(model="grok-1")
    assert time.monotonic() - began < 0.3
    await ask()
    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"fault": "storm"}, "fault must be one of"),
        ({"fault": ["reset"]}, "fault must be one of"),
        ({"fault": "status"}, "needs a status"),
        ({"fault": "delay"}, "needs seconds"),
        ({"fault": "status", "status": 99}, "between 200 and 599"),
        ({"fault": "status", "status": 500.5}, "whole number"),
        ({"fault": "reset", "times": "x"}, "times must be a number"),
        ({"fault": "reset", "probability": 2}, "between 0 and 1"),
        ({"fault": "empty", "phase": "before"}, "can only be"),
        ({"fault": "reset", "phase": "during"}, "phase must be"),
        ({"fault": "reset", "retryAfter": []}, "retryAfter"),
        ({"fault": "rate_limit", "retryAfter": "1\r\nX: y"}, "control characters"),
        ({"fault": "reset", "model": 4}, "model must be"),
        ({"fault": "rate_limit", "variant": "x"}, "variant must be"),
        ({"fault": "reset", "colour": "red"}, "Unknown field 'colour'"),
    ],
)
def test_a_script_that_cannot_be_played_is_explained(
    xai_stand_in: StandIn, fault: dict[str, Any], text: str
) -> None:
    """A wrong fault is refused with a sentence, and none of its script is taken."""
    with pytest.raises(StandInError, match=text):
        xai_stand_in.script({"fault": "reset"}, fault)
    assert xai_stand_in.faults() == []


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"latency_seconds": -1}, "between 0 and"),
        ({"latency_seconds": "x"}, "number of seconds"),
        ({"seed": 1.5}, "whole number"),
        ({"error_envelope": "round"}, "flat"),
        ({"speed": 1}, "Unknown setting 'speed'"),
    ],
)
def test_a_wrong_setting_is_explained(
    xai_stand_in: StandIn, settings: dict[str, Any], text: str
) -> None:
    """A wrong setting is refused with a sentence."""
    with pytest.raises(StandInError, match=text):
        xai_stand_in.settings(**settings)


def test_every_kind_of_fault_can_be_scripted(xai_stand_in: StandIn) -> None:
    """All kinds are taken by the admin route, shown, and cleared."""
    extra = {"status": {"status": 500}, "delay": {"seconds": 0}}
    shown = xai_stand_in.script(*({"fault": kind} | extra.get(kind, {}) for kind in KINDS))
    assert tuple(fault["fault"] for fault in shown) == KINDS
    xai_stand_in.clear_faults()
    assert xai_stand_in.faults() == []
