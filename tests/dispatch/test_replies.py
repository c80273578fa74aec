"""What WaveSpeed's replies mean, one by one."""

import json
from typing import Any

import pytest

from prompt_queue.dispatch.replies import (
    CallRefused,
    Stage,
    failure_of,
    read_data,
    read_prediction,
)
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
    Unanswered,
)


def said(message: str, code: int | None = None, **more: Any) -> bytes:
    return json.dumps({"code": code, "message": message, **more}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, said("additional properties are not allowed: size", 400), ModelUnusable),
        (401, said("Invalid API key", 401), Misconfigured),
        (402, said("x"), OutOfCredit),
        (400, said("Insufficient credits. Please top up your account."), OutOfCredit),
        (403, said("your role lacks the permission", 403), Misconfigured),
        (404, said("model not found", 404), ModelUnusable),
        (413, said("too large", 413), BadInput),
        (429, said("Too Many Requests", 429), RateLimited),
        (200, said("Too Many Requests", 429), RateLimited),
        (200, said("Insufficient credits", 400), OutOfCredit),
        (400, said("failed to download image", 400), PictureUnfetched),
        (400, said("content policy violation", 400), Refused),
    ],
)
@pytest.mark.parametrize("is_post", [True, False])
def test_a_refusal_has_one_class(
    status: int, body: bytes, kind: type[PromptFailure], is_post: bool
) -> None:
    """By the HTTP status and by `code`; it is an answer, whatever was asked."""
    with pytest.raises(CallRefused) as raised:
        read_data(status, body, is_post=is_post)
    assert type(raised.value.failure) is kind
    assert raised.value.answered
    assert "WaveSpeed" not in str(raised.value.failure)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, said("Internal server error", 500)),
        (502, b"<html>Bad gateway</html>"),
        (200, b"<html>what?</html>"),
        (200, b'{"code": 200, "da'),
        (200, said("oops", 500)),
        (200, b"[" * 20_000),
        (200, b"\xff\xfe"),
        (408, said("timeout", 408)),
        (200, b'{"code": [], "data": {}}'),
        (200, b'{"code": {}, "data": {}}'),
    ],
)
def test_after_a_fault_of_the_server_a_submit_is_unknown_and_a_look_is_repeated(
    status: int, body: bytes
) -> None:
    """It may have begun the task; nothing else can cost anything."""
    with pytest.raises(CallRefused) as raised:
        read_data(status, body, is_post=True)
    assert (type(raised.value.failure), raised.value.answered) == (Unanswered, False)
    with pytest.raises(CallRefused) as raised:
        read_data(status, body, is_post=False)
    assert (type(raised.value.failure), raised.value.answered) == (Transient, True)


@pytest.mark.parametrize(
    ("word", "stage"),
    [
        ("created", Stage.WAITING), ("processing", Stage.RUNNING), ("completed", Stage.MADE),
        ("succeeded", Stage.MADE), ("failed", Stage.FAILED), ("timeout", Stage.FAILED),
        ("cancelled", Stage.GONE), ("deleted", Stage.GONE), ("warming", Stage.RUNNING),
        (None, Stage.RUNNING), (7, Stage.RUNNING),
    ],
)  # fmt: skip
def test_every_word_for_a_status_is_understood(word: object, stage: Stage) -> None:
    """One that nobody knows is looked at again."""
    found = read_prediction({"id": "p", "status": word})
    assert found is not None
    assert found.stage is stage


def test_outputs_come_in_several_forms() -> None:
    """Text, objects, null; what is no address is left out."""
    forms = [
        "https://a/1.png",
        {"url": "https://a/2.png"},
        "bm90IGEgdXJs",
        7,
        "javascript:x",
        "https://a/\x00",
        "https://a/ b",
        "https://a/" + "b" * 5000,
        "httpsx://a",
        {"x": 1},
        None,
    ]
    found = read_prediction({"id": "p", "status": "completed", "outputs": forms})
    assert found is not None
    assert found.outputs == ("https://a/1.png", "https://a/2.png")
    for nothing in (None, {}, "x"):
        empty = read_prediction({"id": "p", "outputs": nothing})
        assert empty is not None
        assert empty.outputs == ()


def test_few_outputs_of_a_task_are_kept() -> None:
    """Each may fill 64 MB of the disk, and a reply could name a hundred thousand."""
    many = [f"https://a/{number}.png" for number in range(100_000)]
    found = read_prediction({"id": "p", "status": "completed", "outputs": many})
    assert found is not None
    assert found.outputs == tuple(many[:32])


@pytest.mark.parametrize("data", [None, [], {}, {"id": ""}, {"id": 5}, "p", {"id": "a\x00"}])
def test_a_task_without_an_id_is_none(data: object) -> None:
    """Nothing could be asked about it."""
    assert read_prediction(data) is None


@pytest.mark.parametrize("flags", [None, [], [False], "x", [None]])
def test_only_a_true_flag_counts(flags: object) -> None:
    """They may be missing."""
    found = read_prediction({"id": "p", "has_nsfw_contents": flags})
    assert found is not None
    assert not found.flagged


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Request failed. Please check your input parameters and try again.", BadInput),
        ("upstream error: HTTP 503 Service Unavailable", Transient),
        ("HTTP 429", Transient),
        ("failed to download image: https://e.com/x", PictureUnfetched),
        ("Rejected by content policy", Refused),
        ("", BadInput),
    ],
)
def test_why_a_task_failed_is_in_its_text(text: str, kind: type[PromptFailure]) -> None:
    """Only what may pass is bought anew."""
    found = read_prediction({"id": "p", "status": "failed", "error": text})
    assert found is not None
    assert type(failure_of(found)) is kind


def test_secrets_in_a_text_stay_out_of_the_sentence() -> None:
    """Queries of signed addresses too."""
    text = "odd: Bearer wsk_123456789 https://e.com/p.jpg?token=abc"
    found = read_prediction({"id": "p", "status": "failed", "error": text})
    assert found is not None
    sentence = str(failure_of(found))
    assert "wsk_123456789" not in sentence
    assert "token=abc" not in sentence


def test_our_key_is_not_in_what_a_task_said() -> None:
    """No pattern knows its form, so it is taken out by value."""
    key = "0f1e2d3c4b5a"
    found = read_prediction({"id": "p", "status": "failed", "error": f"odd {key} here"}, [key])
    assert found is not None
    assert "odd *** here" in str(failure_of(found))
