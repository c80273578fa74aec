"""The stand-in's answers to right and wrong requests, over HTTP."""

import io
from typing import Any

import aiohttp
import pytest
from xai_calls import Ask, chat_body, data_uri, png

from prompt_queue.simulator.catalogue import MODELS
from prompt_queue.testing import StandIn

REASONING = [model.name for model in MODELS if model.reasons]


async def test_an_answer_has_xais_shape_and_the_stand_ins_label(
    http: aiohttp.ClientSession, xai_stand_in: StandIn, photo: str
) -> None:
    """Every field of a chat completion is there, and nothing in it claims to be Grok's."""
    body = chat_body(photo, max_completion_tokens=400)
    async with http.post(f"{xai_stand_in.base_url}/chat/completions", json=body) as response:
        answer = await response.json()
        assert response.status == 200
        assert response.headers["X-Stand-In"] == "prompt-queue"
    assert answer["model"] == "stand-in:grok-4.7"
    assert answer["system_fingerprint"] == "stand-in"
    assert answer["object"] == "chat.completion"
    assert answer["service_tier"] == "default"
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["refusal"] is None
    assert "teal" in choice["message"]["content"]
    assert "teal 100%" in choice["message"]["reasoning_content"]


async def test_usage_counts_reasoning_beside_the_completion(ask: Ask, photo: str) -> None:
    """Totals add up as xAI counts them, and the cost follows from the model's prices."""
    _, answer = await ask(photo, reasoning_effort="low")
    usage = answer["usage"]
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    details = usage["prompt_tokens_details"]
    assert reasoning == 364
    assert details["image_tokens"] == 512
    assert usage["prompt_tokens"] == details["text_tokens"] + 512
    total = usage["prompt_tokens"] + usage["completion_tokens"] + reasoning
    assert usage["total_tokens"] == total
    expected = usage["prompt_tokens"] * 20_000 + (usage["completion_tokens"] + reasoning) * 60_000
    assert usage["cost_in_usd_ticks"] == expected
    _, dear = await ask(photo, reasoning_effort="low", service_tier="priority")
    assert dear["usage"]["cost_in_usd_ticks"] == 2 * expected
    assert dear["service_tier"] == "priority"


async def test_a_repeated_conversation_hits_the_cache_in_steps_of_128(ask: Ask) -> None:
    """The same conversation id with the same beginning is charged at the cached price."""
    messages = [{"role": "system", "content": "word " * 300}, {"role": "user", "content": "go"}]
    headers = {"x-grok-conv-id": "tenant-7"}
    _, first = await ask(messages=messages, headers=headers)
    _, second = await ask(messages=messages, headers=headers)
    _, other = await ask(messages=messages, headers={"x-grok-conv-id": "tenant-8"})
    cached = [
        answer["usage"]["prompt_tokens_details"]["cached_tokens"]
        for answer in (first, second, other)
    ]
    assert cached == [0, 256, 0]
    assert second["usage"]["cost_in_usd_ticks"] < first["usage"]["cost_in_usd_ticks"]


async def test_the_token_cap_cuts_the_answer(ask: Ask, photo: str) -> None:
    """A low cap on completion tokens ends the text early with the reason length."""
    _, answer = await ask(photo, max_completion_tokens=5)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 5


async def test_several_answers_differ(ask: Ask, photo: str) -> None:
    """Asked for three answers, it gives three texts."""
    _, answer = await ask(photo, n=3)
    texts = {choice["message"]["content"] for choice in answer["choices"]}
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert len(texts) == 3


@pytest.mark.parametrize("model", [model.name for model in MODELS])
async def test_every_model_answers_under_its_own_label(ask: Ask, model: str) -> None:
    """Each served model answers an inline picture, and a text-only call too."""
    status, answer = await ask(data_uri(png((255, 0, 0))), model=model)
    assert (status, answer["model"]) == (200, f"stand-in:{model}")
    status, answer = await ask(model=f"{model}-latest")
    assert (status, answer["model"]) == (200, f"stand-in:{model}")


def _user(content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


BAD_REQUESTS: list[tuple[dict[str, Any], int, str]] = [
    ({"model": None}, 422, "missing field `model`"),
    ({"model": 7}, 422, "model: expected a string"),
    ({"model": "grok-2-vision-1212"}, 400, "Model not found"),
    ({"messages": None}, 422, "messages: expected an array"),
    ({"messages": []}, 400, "must not be empty"),
    ({"messages": ["hi"]}, 422, "expected an object"),
    ({"messages": [{"role": "robot", "content": "x"}]}, 422, "unknown variant `robot`"),
    ({"messages": [{"role": ["user"], "content": "x"}]}, 422, "unknown variant"),
    (_user([]), 400, "Each message must have at least one content element."),
    (_user(""), 400, "Each message must have at least one content element."),
    ({"messages": [{"role": "user"}]}, 400, "Each message must have at least one content element."),
    (_user(5), 422, "expected a string or an array"),
    (_user([{"type": "video"}]), 422, "unknown variant `video`"),
    (_user([{"type": "text"}]), 422, "text: expected a string"),
    (_user([{"type": "image_url", "image_url": "https://x/y"}]), 422, "expected an object"),
    (_user([{"type": "image_url", "image_url": {}}]), 422, "url: expected a string"),
    (
        _user([{"type": "image_url", "image_url": {"url": "https://x/y", "detail": "best"}}]),
        422,
        "auto, low or high",
    ),
    (
        _user([{"type": "image_url", "image_url": {"url": "https://x/y", "detail": ["low"]}}]),
        422,
        "auto, low or high",
    ),
    (_user([{"type": "image_url", "image_url": {"file_id": "f-1"}}]), 404, "f-1"),
    ({"temperature": 2.5}, 400, "temperature must be between 0 and 2"),
    ({"temperature": "hot"}, 422, "temperature: expected a number"),
    ({"top_p": 0}, 400, "top_p"),
    ({"n": 0}, 400, "n must be"),
    ({"n": True}, 422, "n: expected an integer"),
    ({"max_completion_tokens": 0}, 400, "max_completion_tokens"),
    ({"tools": [{}] * 129}, 400, "tools takes at most 128"),
    ({"user": 5}, 422, "user: expected a string"),
    ({"service_tier": "gold"}, 400, "service_tier"),
    ({"logit_bias": {"1": 1}}, 400, "logit_bias"),
    ({"search_parameters": {"mode": "on"}}, 400, "Live search is deprecated"),
    ({"reasoning_effort": "none"}, 400, "does not support reasoning_effort"),
    ({"reasoning_effort": 1}, 422, "reasoning_effort: expected a string"),
    ({"model": "grok-4.5", "reasoning_effort": "xhigh"}, 400, "low, medium, high"),
    ({"model": "grok-4.20-0309-non-reasoning", "reasoning_effort": "low"}, 400, "none"),
    ({"stream": "yes"}, 422, "stream: expected a boolean"),
    ({"stream": True, "stream_options": 1}, 422, "stream_options: expected an object"),
    ({"stream_options": {}}, 400, "only allowed when stream is true"),
    ({"deferred": True}, 400, "does not play deferred"),
    ({"response_format": {"type": "json_object"}}, 400, "does not play response_format"),
]


@pytest.mark.parametrize(("fields", "status", "text"), BAD_REQUESTS)
async def test_a_wrong_request_is_refused_as_xai_does(
    ask: Ask, fields: dict[str, Any], status: int, text: str
) -> None:
    """Each wrong field gives its status and a flat body with a code and a sentence."""
    got, body = await ask(**fields)
    assert got == status
    assert set(body) == {"code", "error"}
    assert text in body["error"]


@pytest.mark.parametrize("model", REASONING)
@pytest.mark.parametrize(
    "field", [{"presence_penalty": 0.5}, {"frequency_penalty": 0}, {"stop": ["x"]}]
)
async def test_reasoning_models_refuse_penalties_and_stop(
    ask: Ask, model: str, field: dict[str, Any]
) -> None:
    """Penalties and stop sequences are an error on a model that reasons."""
    status, body = await ask(model=model, **field)
    assert status == 400
    assert body["error"] == f"Argument not supported on this model: {next(iter(field))}"


async def test_the_model_that_does_not_reason_takes_penalties_and_stop(ask: Ask) -> None:
    """The same fields pass on the non-reasoning model."""
    status, _ = await ask(model="grok-4.20-0309-non-reasoning", presence_penalty=0.5, stop=["x"])
    assert status == 200


@pytest.mark.parametrize(
    ("authorization", "status", "text"),
    [
        (None, 401, "No API key provided"),
        ("Basic abc", 401, "No API key provided"),
        ("Bearer ", 401, "No API key provided"),
        ("Bearer xai-someone-elses", 400, "Incorrect API key provided: xa***es."),
        ("Bearer short", 400, "Incorrect API key provided: ***."),
    ],
)
@pytest.mark.parametrize("path", ["/chat/completions", "/models", "/models/grok-4.7", "/api-key"])
async def test_the_key_is_checked_on_every_route(
    xai_stand_in: StandIn, path: str, authorization: str | None, status: int, text: str
) -> None:
    """No key is 401, a wrong one 400 with the key masked."""
    headers = {"Authorization": authorization} if authorization else {}
    method = "POST" if "chat" in path else "GET"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, xai_stand_in.base_url + path, headers=headers) as response,
    ):
        assert response.status == status
        assert text in (await response.json())["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/responses", 404),
        ("GET", "/chat/completions", 405),
        ("DELETE", "/models", 405),
        ("GET", "/models/grok-9", 404),
        ("GET", "/language-models/grok-9", 404),
    ],
)
async def test_unknown_routes_and_methods_have_xais_error_shape(
    http: aiohttp.ClientSession, xai_stand_in: StandIn, method: str, path: str, status: int
) -> None:
    """An unknown path or model is 404, another method 405."""
    async with http.request(method, xai_stand_in.base_url + path) as response:
        assert response.status == status
        assert set(await response.json()) == {"code", "error"}


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"", "application/json", 415),
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[]", "application/json", 422),
        (b" " * (50 * 1024 * 1024 + 1), "application/json", 413),
    ],
)
async def test_bodies_that_are_not_a_json_object_are_refused(
    http: aiohttp.ClientSession,
    xai_stand_in: StandIn,
    data: bytes,
    content_type: str,
    status: int,
) -> None:
    """Another content type, broken JSON, a list and an oversized body each have their status."""
    url = f"{xai_stand_in.base_url}/chat/completions"
    headers = {"Content-Type": content_type}
    async with http.post(url, data=io.BytesIO(data), headers=headers) as response:
        assert response.status == status
        assert set(await response.json()) == {"code", "error"}


async def test_a_prompt_longer_than_the_context_is_refused(ask: Ask) -> None:
    """More tokens than the model holds are an error that names both numbers."""
    status, body = await ask(messages=[{"role": "user", "content": "word " * 500_001}])
    assert status == 400
    assert "maximum prompt length is 500000" in body["error"]


async def test_models_are_listed_as_the_stand_ins(
    http: aiohttp.ClientSession, xai_stand_in: StandIn
) -> None:
    """Both lists carry today's names, owned by the stand-in, and say that they take images."""
    names = {model.name for model in MODELS}
    async with http.get(f"{xai_stand_in.base_url}/models") as response:
        data = (await response.json())["data"]
    assert {entry["id"] for entry in data} == names
    assert {entry["owned_by"] for entry in data} == {"stand-in"}
    async with http.get(f"{xai_stand_in.base_url}/language-models") as response:
        entries = (await response.json())["models"]
    assert all("image" in entry["input_modalities"] for entry in entries)
    async with http.get(f"{xai_stand_in.base_url}/models/grok-4.3") as response:
        entry = await response.json()
    assert entry["prompt_text_token_price"] == 12_500
    async with http.get(f"{xai_stand_in.base_url}/language-models/grok-4.3") as response:
        assert (await response.json())["cached_prompt_text_token_price"] == 2_000


async def test_the_key_describes_itself(http: aiohttp.ClientSession, xai_stand_in: StandIn) -> None:
    """The key's page masks it and says that nothing is blocked."""
    async with http.get(f"{xai_stand_in.base_url}/api-key") as response:
        page = await response.json()
    assert page["redacted_api_key"] == "st***ey"
    flags = [page[name] for name in ("team_blocked", "api_key_blocked", "api_key_disabled")]
    assert flags == [False, False, False]


async def test_health_says_that_it_is_a_stand_in(xai_stand_in: StandIn) -> None:
    """The health page needs no key and hides nothing."""
    url = xai_stand_in.base_url.removesuffix("/v1") + "/healthz"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert (await response.json())["standIn"] is True


async def test_errors_can_come_nested(xai_stand_in: StandIn, ask: Ask) -> None:
    """By setting, errors come in the nested envelope that xAI uses elsewhere."""
    xai_stand_in.settings(error_envelope="nested")
    status, body = await ask(model="grok-1")
    assert status == 400
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["message"].startswith("Model not found")
