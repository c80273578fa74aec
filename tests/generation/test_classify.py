"""Every reply of the provider has one meaning."""

import json
from typing import Any

import pytest

from prompt_queue.generation.answer import CallFailed, read_answer
from prompt_queue.generation.classify import classify, retry_after
from prompt_queue.jobs.errors import (
    BadInput,
    Misconfigured,
    ModelUnusable,
    OutOfCredit,
    PictureUnfetched,
    PromptFailure,
    RateLimited,
    Refused,
    Transient,
)
from prompt_queue.jobs.policies import may_ask_next_model

TEAM = "6f1c2b7e-1111-2222-3333-444455556666"
LIMITED = (
    f"Too many requests for team {TEAM} and model grok-4.3. Your team's rate limit is exceeded. "
    "Requests per Second (actual/limit): 2/2. Buy credits to raise it."
)
TOKENS = f"Too many tokens for team {TEAM}. Tokens per Minute (actual/limit): 65605/16000."
BROKE = (
    f"Your team {TEAM} has either used all available credits or reached its monthly spending "
    "limit. Purchase more credits with your API key."
)
UNSAFE = (
    f"Content violates usage guidelines. Team: {TEAM}, API key ID: {TEAM}, Model: grok-4.3, "
    "Failed check: SAFETY_CHECK_TYPE_X image"
)
WRONG_KEY = (
    "Incorrect API key provided: xai-abcd***wxyz. You can obtain an API key from the console."
)
NOT_A_PICTURE = "Downloaded response does not contain a valid JPG or PNG image."
NO_404 = "Fetching image failed with HTTP status 404 Not Found for model grok-4.3"


def flat(code: str, error: str) -> bytes:
    return json.dumps({"code": code, "error": error}).encode()


def nested(message: str, code: str | None = None) -> bytes:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return json.dumps({"error": error}).encode()


CASES: list[tuple[int, bytes, type[PromptFailure]]] = [
    (400, flat("Client specified an invalid argument", WRONG_KEY), Misconfigured),
    (400, nested(WRONG_KEY), Misconfigured),
    (401, b"", Misconfigured),
    (401, flat("unauthenticated", "No authorization header"), Misconfigured),
    (403, flat("permission-denied", "The API key is blocked."), Misconfigured),
    (403, flat("The caller does not have permission", "Team is blocked"), Misconfigured),
    (403, flat("permission-denied", BROKE), OutOfCredit),
    (429, flat("Some resource has been exhausted", BROKE), OutOfCredit),
    (402, b"", OutOfCredit),
    (429, flat("resource-exhausted", LIMITED), RateLimited),
    (429, flat("resource-exhausted", TOKENS), RateLimited),
    (429, nested("The model is temporarily at capacity"), RateLimited),
    (429, b"", RateLimited),
    (429, b"<html>slow down</html>", RateLimited),
    (403, flat("permission-denied", UNSAFE), Refused),
    (400, nested(UNSAFE), Refused),
    (412, flat("The system is not in a state required", NOT_A_PICTURE), BadInput),
    (412, b"", BadInput),
    (400, flat("invalid-argument", f"Invalid request content: {NOT_A_PICTURE}"), BadInput),
    (400, flat("invalid_image", "Invalid PNG image."), BadInput),
    (400, nested("Invalid PNG image.", "invalid_image"), BadInput),
    (400, flat("x", "Base64 string of provided image cannot be decoded."), BadInput),
    (400, flat("x", "Could not process image"), BadInput),
    (400, flat("x", "Unrecoverable data loss or corruption"), BadInput),
    (400, flat("x", "Unsupported content-type"), BadInput),
    (400, flat("invalid_argument", "Fetching images over plain http:// is not supported."),
     PictureUnfetched),
    (403, flat("x", "Failed to download the image"), PictureUnfetched),
    (404, flat("not-found", NO_404), PictureUnfetched),
    (400, flat("x", NO_404), PictureUnfetched),
    (413, b"", BadInput),
    (413, b"<html>too large</html>", BadInput),
    (400, flat("x", "This model's maximum prompt length is 131072"), BadInput),
    (400, nested("prompt is too long", "context_length_exceeded"), BadInput),
    (400, flat("invalid-argument", "Model not found: grok-2-vision-1212"), ModelUnusable),
    (404, flat("not-found", f"The model grok-9 does not exist or your team {TEAM} does not have "
               "access to it."), ModelUnusable),
    (404, flat("Some requested entity was not found", "No handler found on route"), Misconfigured),
    (500, flat("internal", "The model grok-2-image-1212 is fully deprecated"), ModelUnusable),
    (400, flat("x", "Model expects a single text element per message."), ModelUnusable),
    (400, flat("x", "Model grok-code does not support image input"), ModelUnusable),
    (400, flat("x", "Each message must have at least one content element."), ModelUnusable),
    (400, flat("x", "Argument not supported on this model: reasoningEffort"), ModelUnusable),
    (405, b"", Misconfigured),
    (415, flat("x", "Expected request with Content-Type: application/json"), Misconfigured),
    (422, flat("x", "Failed to deserialize the JSON body: messages[0].role"), ModelUnusable),
    (302, b"", Misconfigured),
    (202, b"", Misconfigured),
    (408, b"", Transient),
    (409, b"", Transient),
    (425, b"", Transient),
    (500, b"", Transient),
    (502, b"<html>502 image not found</html>", Transient),
    (503, flat("x", "The service is currently unavailable"), Transient),
    (503, flat("x", "The model is not available right now"), Transient),
    (504, b"", Transient),
    (520, b"<html>", Transient),
    (525, b"", Transient),
    (529, b"overloaded", Transient),
    (530, b"\xff\xfe", Transient),
    (200, flat("The service is currently unavailable", "try later"), Transient),
    (200, flat("x", "temporarily at capacity due to high demand"), RateLimited),
    (200, flat("permission-denied", BROKE), OutOfCredit),
    (200, nested(UNSAFE), Refused),
    (200, flat("invalid_image", "Invalid PNG image."), BadInput),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "expected"), CASES)
def test_each_reply_has_exactly_one_class(
    status: int, body: bytes, expected: type[PromptFailure]
) -> None:
    """The class follows from status and words, in both envelopes; nothing private is repeated."""
    failure = classify(status, {}, body)
    assert type(failure) is expected
    said = str(failure)
    assert TEAM not in said
    assert "xai-" not in said
    assert said.endswith(".")


@pytest.mark.parametrize(
    ("status", "body", "next_model"),
    [
        (400, flat("x", "Model not found"), True),
        (404, flat("not-found", "The model grok-9 does not exist"), True),
        (400, flat("x", "expects a single text element per message."), True),
        (422, b"", True),
        (400, flat("x", WRONG_KEY), False),
        (401, b"", False),
        (404, flat("x", "No handler found on route"), False),
        (415, b"", False),
    ],
)
def test_another_model_is_offered_only_where_it_may_help(
    status: int, body: bytes, next_model: bool
) -> None:
    """A wrong key is wrong for every model."""
    failure = classify(status, {}, body)
    assert type(failure) is (ModelUnusable if next_model else Misconfigured)
    assert may_ask_next_model(failure, retries_left=True) is next_model


def test_a_picture_that_cannot_be_fetched_is_told_from_one_that_cannot_be_read() -> None:
    """The sentence says what the user can do about it."""
    assert "fetch" in str(classify(404, {}, flat("x", NO_404)))
    assert "read" in str(classify(412, {}, flat("x", NOT_A_PICTURE)))


DATE = "Tue, 24 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "99999"}, 120.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"Retry-After": "Tue, 24 Nov 2026 10:00:30 GMT", "Date": DATE}, 30.0),
        ({"Retry-After": "Tue, 24 Nov 2026 09:00:00 GMT", "Date": DATE}, 0.0),
        ({"Retry-After": "Tue, 24 Nov 2027 09:00:00 GMT", "Date": DATE}, 120.0),
        ({"Retry-After": "Tue, 24 Nov 2026 10:00:30 GMT"}, None),
        ({"Retry-After": "Tue, 24 Nov 2026 10:00:30", "Date": DATE}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "soon", "Date": DATE}, None),
        ({"Retry-After": "\u0661"}, None),
        ({"Retry-After": ""}, None),
    ],
)
def test_the_asked_pause_is_read_in_every_form(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Seconds, milliseconds and dates count, capped at two minutes; garbage counts as nothing."""
    assert retry_after(headers) == seconds
    failure = classify(429, headers, b"")
    assert isinstance(failure, RateLimited)
    assert failure.retry_after == seconds


def reply(message: object, finish_reason: object = "stop", **more: object) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    body: dict[str, Any] = {"model": "grok-4.3", "choices": [choice], "usage": usage} | more
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("body", "expected", "counted"),
    [
        (b"", Transient, False),
        (b"<html>", Transient, False),
        (b'{"choices": [', Transient, False),
        (b"[]", Transient, False),
        (b"null", Transient, False),
        (b"[" * 100_000, Transient, False),
        (b"{}", Transient, False),
        (b'{"choices": []}', Transient, False),
        (b'{"choices": null}', Transient, False),
        (b'{"choices": [3]}', Transient, False),
        (flat("The service is currently unavailable", "x"), Transient, False),
        (reply(None), Transient, True),
        (reply({"content": None}), Transient, True),
        (reply({"content": "  \n"}), Transient, True),
        (reply({"content": 7}), Transient, True),
        (reply({"content": "Cut in the mid"}, "length"), Transient, True),
        (reply({"content": "x"}, "content_filter"), Refused, True),
        (reply({"content": None, "refusal": "No."}), Refused, True),
    ],
)
def test_a_200_without_an_answer_fails_with_its_cost(
    body: bytes, expected: type[PromptFailure], counted: bool
) -> None:
    """What was paid for is known to the ledger even when the answer is worthless."""
    with pytest.raises(CallFailed) as raised:
        read_answer(200, {}, body, "grok-4.3")
    failed = raised.value
    assert type(failed.failure) is expected
    assert (failed.answered, failed.http_status) == (True, 200)
    assert (failed.usage.prompt_tokens == 10) is counted


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"role": "assistant", "content": "Hello", "refusal": None}, "stop"),
        ({"content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}, "stop"),
        ({"content": "Hello", "reasoning_content": "Hmm"}, None),
        ({"content": "Hello"}, "end_turn"),
    ],
)
def test_an_answer_is_read_in_every_shape(message: object, reason: object) -> None:
    """String or parts, with and without a finish reason."""
    answer = read_answer(200, {}, reply(message, reason), "grok-4.7")
    assert (answer.text, answer.model, answer.finish_reason) == ("Hello", "grok-4.3", reason)
    assert answer.usage.completion_tokens == 5


def test_a_reply_without_model_and_usage_is_still_an_answer() -> None:
    """The asked model stands in for the name, and the usage is unknown."""
    body = json.dumps({"choices": [{"message": {"content": "Hello"}}]}).encode()
    answer = read_answer(200, {}, body, "grok-4.7")
    assert answer.model == "grok-4.7"
    assert answer.usage.prompt_tokens is None
