"""What the providers may answer: one class of failure or an answer that can be stored, and soon."""

import gc
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prompt_queue.dispatch.replies import CallRefused, failure_of, read_data, read_prediction
from prompt_queue.dispatch.wavespeed import _money
from prompt_queue.generation.answer import CallFailed, read_answer
from prompt_queue.generation.classify import LONGEST_PAUSE_SECONDS, classify, read_error
from prompt_queue.generation.listing import model_names
from prompt_queue.generation.stream import StreamedReply
from prompt_queue.generation.validation import MOST_CHARACTERS, validate_prompt
from prompt_queue.jobs.errors import PromptFailure, Refused, Transient
from prompt_queue.jobs.redaction import redact
from tests.fuzz.profile import hard, seen

MOST_SECONDS = 0.5
"""Of the processor, for one reply: the loop serves everybody else meanwhile."""

WORDS = ["fetch", "image", "credits", "model ", "not found", "<a", "| ", "\n", "* ", "as an ai ",
         "i am ", "\0", "\ud800", "rate limit", "xai-aaaaaaaaa",
         "https://u:p@h/?sig=SECRETS"]  # fmt: skip
_texts = st.one_of(
    st.text(st.characters(), max_size=30),
    st.lists(st.sampled_from(WORDS), max_size=6).map("".join),
    st.tuples(st.sampled_from(WORDS), st.sampled_from([1, 2, 40, 1500, 9000])).map(
        lambda of: of[0] * of[1]
    ),
)
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _texts,
              st.sampled_from([200, 429, "stop", "length", "content_filter", 10**30])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_numbers = st.sampled_from([0, 1, 7, 2**31, -1, True, 1.5, "7", None, 10**18, 10**40])


def _with(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object whose fields are mostly of their kind; now and then one is absent, or anything."""

    @st.composite
    def document(draw: st.DrawFn) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, kind in fields.items():
            luck = draw(st.sampled_from(["kind"] * 10 + ["anything", "absent"]))
            if luck != "absent":
                found[name] = draw(kind if luck == "kind" else _values)
        return found

    return document()


_usage = _with(
    prompt_tokens=_numbers, completion_tokens=_numbers, total_tokens=_numbers,
    cost_in_usd_ticks=_numbers, prompt_tokens_details=_with(cached_tokens=_numbers),
    completion_tokens_details=_with(reasoning_tokens=_numbers),
)  # fmt: skip
_GOOD = st.just("Make the sky teal, and the hills green.")
_said = st.one_of(_GOOD, _GOOD, _texts)
_no_text = st.sampled_from([None, None, None, "", "no"])
_choice = _with(
    message=_with(content=_said | st.lists(_with(text=_said), max_size=3), refusal=_no_text),
    finish_reason=st.sampled_from(["stop", "stop", "stop", "length", "content_filter"]),
)
_grok = _with(
    id=_texts, model=_texts, choices=st.lists(_choice, min_size=1, max_size=2), usage=_usage,
    error=_no_text, code=_no_text,
)  # fmt: skip
_task = _with(
    id=_texts, status=st.sampled_from(["completed", "failed", "created", "x"]), error=_texts,
    outputs=st.lists(_texts | _with(url=_texts), max_size=3), model=_texts,
    has_nsfw_contents=st.lists(st.booleans(), max_size=2), input=_values,
)  # fmt: skip
_wavespeed = _with(code=st.sampled_from([200, 200, 400, 429, 500]), message=_texts, data=_task)
_refused = _with(error=_texts | _with(code=_texts, message=_texts, type=_texts), code=_texts)
_broken = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"", b"<html>", b"[" * 100_000, b'{"a":' * 900, b"1" * 5000, b"\xff\xfe{}"]),
)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _bodies(documents: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    good = documents.map(_json)
    return st.one_of(good, good, good, _values.map(_json), _broken)


_statuses = st.integers(100, 599) | st.sampled_from([200, 400, 401, 402, 403, 404, 413, 422, 429])
_headers = st.dictionaries(
    st.sampled_from(["Retry-After", "retry-after-ms", "Date", "date"]),
    st.one_of(
        st.text(max_size=20), st.integers().map(str), st.floats().map(str),
        st.sampled_from(["Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 +9999", "soon",
                         "Mon, 01 Jan 0001 00:00:00 -2359", "99999999999999", "1e3", "\u0661"]),
    ),
    max_size=3,
)  # fmt: skip


@contextmanager
def _soon() -> Iterator[None]:
    # After an hour of examples, looking for their garbage takes half a second: not the readers.
    gc.disable()
    begun = time.thread_time()
    try:
        yield
    finally:
        took = time.thread_time() - begun
        gc.enable()
    assert took < MOST_SECONDS


def _is_storable(text: str) -> bool:
    """PostgreSQL takes it: UTF-8, and no NUL."""
    return "\0" not in text and text == text.encode("utf-8", "replace").decode()


@hard
@given(_statuses, _headers, _bodies(_grok))
def test_a_reply_of_grok_is_an_answer_or_a_call_that_failed(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    """Its names can be stored, its numbers are numbers, and nothing else is raised."""
    with _soon():
        try:
            answer = read_answer(status, headers, body, "grok-4.7")
        except CallFailed as failed:
            seen(f"grok {failed.failure.code}")
            assert failed.answered
            usage, names = failed.usage, [failed.model or "", str(failed.failure)]
        else:
            seen("grok answered")
            assert answer.text.strip()
            usage, names = answer.usage, [answer.model, answer.id or ""]
    assert all(map(_is_storable, names))
    counts = (usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens,
              usage.cached_tokens, usage.image_tokens)  # fmt: skip
    assert all(count is None or (type(count) is int and 0 <= count < 2**31) for count in counts)
    assert usage.cost_usd is None or 0 <= usage.cost_usd < 10**9


@hard
@given(_statuses, _headers, _bodies(_refused | _grok))
def test_every_refusal_of_grok_has_one_class(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    """The sentence is ours, and a pause has its bounds."""
    with _soon():
        failure = classify(status, headers, body)
        said = read_error(body)
        redact(f"{said.code}: {said.message}")
    seen(f"refusal {failure.code}")
    assert isinstance(failure, PromptFailure)
    pause = getattr(failure, "retry_after", None)
    assert pause is None or 0 <= pause <= LONGEST_PAUSE_SECONDS
    assert not any(word in str(failure) for word in ("SECRETS", "\0", "xai-aaaaaaaaa"))


_delta = _with(
    index=st.sampled_from([0, 0, 0, 1]), delta=_with(content=_said, refusal=_no_text),
    finish_reason=st.sampled_from(["stop", "stop", None, "length"]),
)  # fmt: skip
_chunk = _with(id=_texts, model=_texts, choices=st.lists(_delta, max_size=2), usage=_usage,
               error=_no_text)  # fmt: skip
_lines = st.one_of(
    st.one_of(_chunk, _chunk, _chunk, _values).map(lambda one: f"data: {json.dumps(one)}\n\n"),
    st.sampled_from(
        ["data: [DONE]\n\n", ": alive\n\n", "data:\n\n", "event: x\r\n\r\n", "data: {\n",
         "data: [DONE]\r\n\r\n", 'data: {"usage":' + "[" * 2000 + "]" * 2000 + "}\n\n"]
    ),
    st.text(max_size=10),
)  # fmt: skip


@hard
@given(st.lists(_lines, max_size=6), st.lists(st.integers(0, 4000), max_size=5))
def test_a_stream_reads_the_same_in_any_pieces(lines: list[str], cuts: list[int]) -> None:
    """And what it is put together to is an answer or a call that failed."""
    raw = "".join(lines).encode("utf-8", "replace")
    whole, pieces = StreamedReply(), StreamedReply()
    places = [0, *sorted(cuts), len(raw)]
    with _soon():
        whole.feed(raw)
        for start, end in pairwise(places):
            pieces.feed(raw[start:end])
        body = whole.body()
        assert (body, whole.is_over, whole.text) == (pieces.body(), pieces.is_over, pieces.text)
        try:
            read_answer(200, {}, body, "grok-4.7")
        except CallFailed:
            seen("stream failed")
        else:
            seen("stream answered")


@hard
@given(st.one_of(_said, st.tuples(_said, _texts).map("".join), _texts))
def test_a_prompt_is_one_plain_line_or_fails(text: str) -> None:
    """However long and strange the answer is."""
    with _soon():
        try:
            prompt = validate_prompt(text)
        except (Refused, Transient) as failure:
            seen(f"prompt {failure.code}")
            return
    seen("prompt accepted")
    assert prompt.isprintable()
    assert _is_storable(prompt)
    assert len(prompt) <= MOST_CHARACTERS
    assert validate_prompt(prompt) == prompt


@hard
@given(_statuses, _bodies(_wavespeed), st.booleans())
def test_a_reply_of_wavespeed_is_data_or_a_call_that_was_refused(
    status: int, body: bytes, is_post: bool
) -> None:
    """Only a submit may be open afterwards; a task has a name that can be asked for again."""
    with _soon():
        try:
            data = read_data(status, body, is_post=is_post)
        except CallRefused as refused:
            seen(f"wavespeed {refused.failure.code}")
            assert refused.answered or is_post
            assert not any(word in str(refused) for word in ("SECRETS", "\0", "xai-aaaaaaaaa"))
            return
        seen("wavespeed data")
        _check_task(data)


@hard
@given(_task | _values)
def test_a_task_has_a_name_that_can_be_stored_or_is_none(data: object) -> None:
    """And why it failed is said without addresses' queries, keys and controls."""
    with _soon():
        _check_task(data)


def _check_task(data: object) -> None:
    task = read_prediction(data)
    if task is None:
        seen("no task")
        return
    seen("a task")
    assert 0 < len(task.id) <= 200
    assert _is_storable(task.id)
    assert all(url.startswith(("http:", "https:")) for url in task.outputs)
    sentence = str(failure_of(task))
    assert _is_storable(sentence)
    assert sentence.isprintable()
    assert "SECRETS" not in sentence
    assert "xai-aaaaaaaaa" not in sentence


@hard
@given(
    _bodies(
        _with(data=st.lists(_with(id=_texts, aliases=st.lists(_texts, max_size=2)), max_size=3))
    )
)
def test_a_list_of_models_is_names_or_nothing(body: bytes) -> None:
    """Whatever stands where the names should."""
    with _soon():
        model_names(body)


@hard
@given(_values | _numbers)
def test_money_is_a_sum_that_can_be_stored_or_nothing(value: object) -> None:
    """No sign, no infinity, no number with a thousand digits."""
    found = _money(value)
    assert found is None or (found.is_finite() and 0 <= found < 1_000_000)
