"""A streamed reply, put together again from pieces of any size."""

import json
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt_queue.generation.answer import CallFailed, GrokAnswer, read_answer
from prompt_queue.generation.stream import StreamedReply
from prompt_queue.jobs.errors import Misconfigured, RateLimited, Refused, Transient

WORDS = ["Replace", " the", " sky", " über", " the", " hills", " \U0001f3de"]
USAGE = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}


def event(document: Any) -> str:
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n"


def chunk(delta: dict[str, Any], **more: Any) -> str:
    return event({"model": "grok-4.7", "choices": [{"index": 0, "delta": delta, **more}]})


WRITTEN = "".join(chunk({"content": word}) for word in WORDS)
STOP = chunk({}, finish_reason="stop")
TOTAL = event({"model": "grok-4.7", "choices": [], "usage": USAGE})
WHOLE = chunk({"reasoning_content": "hm"}) + WRITTEN + STOP + TOTAL + "data: [DONE]\n\n"


def fed(text: str) -> StreamedReply:
    reply = StreamedReply()
    reply.feed(text.encode())
    return reply


def answer_of(text: str) -> GrokAnswer:
    reply = fed(text)
    assert reply.is_whole
    return read_answer(200, {}, reply.body(), "grok-4.7")


def failure_of(text: str) -> CallFailed:
    with pytest.raises(CallFailed) as raised:
        answer_of(text)
    return raised.value


@given(st.lists(st.integers(0, len(WHOLE.encode()))), st.sampled_from(["\n", "\r\n"]))
def test_it_does_not_matter_where_the_pieces_end(cuts: list[int], line_end: str) -> None:
    """Not inside a line, a character or a line end either."""
    data = WHOLE.replace("\n", line_end).encode()
    reply = StreamedReply()
    places = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(places):
        reply.feed(data[start:end])
    assert reply.is_over
    answer = read_answer(200, {}, reply.body(), "grok-4.7")
    assert (answer.text, answer.finish_reason) == ("".join(WORDS), "stop")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (100, 7)


def test_comments_other_fields_and_noise_are_passed_over() -> None:
    """Keep-alives, events that are no JSON, choices beside the first."""
    noise = (
        ": ping\n\nevent: x\nid: 7\n\ndata: {broken\n\ndata: 7\n\ndata: " + "[" * 10_000 + "\n\n"
    )
    other = event({"choices": [{"index": 1, "delta": {"content": "other"}}, 5]})
    assert answer_of(noise + other + WHOLE).text == "".join(WORDS)


def test_an_event_may_have_several_lines() -> None:
    """They are one text, as the standard of server-sent events says."""
    text = '{"choices": [{"index": 0,\ndata:"delta": {"content": "Paint."}, "finish_reason": "stop"'
    assert answer_of(f"data: {text}\ndata: }}]}}\n\n").text == "Paint."


@pytest.mark.parametrize("kept", range(0, len(WRITTEN), 97))
def test_half_a_prompt_is_never_whole(kept: int) -> None:
    """Wherever it breaks off before the model said why it stopped."""
    assert not fed(WRITTEN[:kept]).is_whole


def test_whole_without_its_last_mark() -> None:
    """The text is there and paid for; what is missing is only what it cost."""
    answer = answer_of(WRITTEN + STOP)
    assert (answer.text, answer.usage.prompt_tokens) == ("".join(WORDS), None)


def test_an_end_without_a_reason_is_no_answer() -> None:
    """Text that just ends was cut off; no text at all is empty."""
    cut = failure_of(WRITTEN + TOTAL + "data: [DONE]\n\n")
    assert "cut off" in str(cut.failure)
    assert cut.usage.completion_tokens == 7
    assert "empty" in str(failure_of("data: [DONE]\n\n").failure)


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"code": "x", "error": "The service is currently unavailable"}, Transient),
        ({"error": {"message": "Too many requests for team", "type": "x"}}, RateLimited),
        ({"error": {"message": "Content violates usage guidelines.", "code": "y"}}, Refused),
        ({"error": "Incorrect API key provided", "choices": []}, Misconfigured),
    ],
)
def test_an_error_among_the_events_is_classified_as_everywhere(
    document: dict[str, Any], kind: type[Exception]
) -> None:
    """In both envelopes; what was written before it does not count, nor what comes after."""
    failed = failure_of(WRITTEN + event(document) + WHOLE)
    assert isinstance(failed.failure, kind)
    assert failed.answered


@pytest.mark.parametrize(
    ("events", "kind", "words"),
    [
        (chunk({"refusal": "No."}) + STOP, Refused, ""),
        (WRITTEN + chunk({}, finish_reason="content_filter"), Refused, ""),
        (WRITTEN + chunk({}, finish_reason="length"), Transient, "cut off"),
        (STOP, Transient, "empty"),
    ],
)
def test_what_ends_badly_is_what_it_would_be_in_one_piece(
    events: str, kind: type[Exception], words: str
) -> None:
    """Refusals, filters, cut off, empty."""
    failed = failure_of(events)
    assert isinstance(failed.failure, kind)
    assert words in str(failed.failure)


def test_a_line_that_never_ends_costs_no_time() -> None:
    """A megabyte, a byte at a time."""
    reply = StreamedReply()
    began = time.process_time()
    for _ in range(1_000_000):
        reply.feed(b"x")
    assert time.process_time() - began < 5
    assert not reply.is_whole
