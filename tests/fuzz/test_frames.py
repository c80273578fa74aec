"""Server-sent events: what a stranger's words can make of them, which is nothing."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from prompt_queue.api.events import read_last_id
from prompt_queue.api.streams import frame
from prompt_queue.api.tailer import text_frame, update_frame
from prompt_queue.api.watching import View
from prompt_queue.store.event_store import JobEvent
from tests.fuzz.profile import hard, seen

JOB = UUID("11111111-2222-4333-8444-555555555555")
THEN = datetime(2026, 1, 1, tzinfo=UTC)
_texts = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(
        ["\n", "\r", "\r\n", "\n\n", "event: end", "data: {}", "id: 9", ":", "retry: 1", "\0",
         "\ufeff",
         "\u2028", "\u2029", "\x85", "\x0b", "</script>", "x"]), max_size=8).map("".join),
)  # fmt: skip
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)


def browsers(raw: bytes) -> list[tuple[str, str, str]]:
    """Events as the HTML standard reads them: event, data, id."""
    events, event, data, number = [], "", [], ""
    for line in re.split("\r\n|\r|\n", raw.decode().removeprefix("\ufeff")):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append((event or "message", "\n".join(data), number))
            event, data = "", []
        elif field == "event":
            event = value
        elif field == "data":
            data.append(value)
        elif field == "id" and "\0" not in value:
            number = value
    return events


class Told(BaseModel):
    """A job as the streams show it: JSON in one line."""

    prompt: str
    error: str


@hard
@given(st.dictionaries(_texts, _values, max_size=4), st.integers(0, 2**63 - 1), _texts, _texts)
def test_an_event_is_one_event_with_what_was_meant(
    data: dict[str, Any], number: int, prompt: str, error: str
) -> None:
    """No text in a job's data, prompt or error begins another event, or changes its number."""
    event = JobEvent(
        id=number, job_id=JOB, user_id=JOB, kind="completed", data=data, created_at=THEN
    )
    view = View(Told(prompt=prompt, error=error).model_dump_json(), is_final=False)
    for job in (None, view):
        ((name, text, told_id),) = browsers(update_frame(event, job))
        told = json.loads(text)
        assert (name, told_id, told["data"]) == ("update", str(number), data)
        if job:
            assert told["job"] == {"prompt": prompt, "error": error}
    ((name, text, told_id),) = browsers(text_frame(JOB, prompt))
    assert (name, json.loads(text)["partialPrompt"], told_id) == ("partial", prompt, "")


@hard
@given(_texts, st.none() | st.integers(0, 2**63 - 1))
def test_even_raw_lines_stay_inside_their_frame(data: str, number: int | None) -> None:
    """A frame is one event whose data has the same lines, if somebody forgets that it is JSON."""
    ((name, text, told_id),) = browsers(frame("snapshot", data, number))
    assert name == "snapshot"
    assert text == re.sub("\r\n|\r", "\n", data)
    assert told_id == ("" if number is None else str(number))


@hard
@given(st.one_of(
    st.none(), _texts, st.integers(-5, 2**70).map(str), st.just("9" * 19), st.just("\u0663"),
    st.from_regex(r"[0-9]{1,25}", fullmatch=True), st.text(st.characters(max_codepoint=255)),
), st.none() | _texts | st.integers(0, 2**65).map(str))  # fmt: skip
def test_the_last_id_is_a_number_that_the_database_takes(
    header: str | None, query: str | None
) -> None:
    """What cannot be read is 0, which no event has; nothing is None."""
    found = read_last_id(header or query)
    text = header or query
    seen("no last id" if not found else "a last id")
    assert (found is None) == (not text)
    assert found is None or 0 <= found < 2**63
    if text and re.fullmatch("[0-9]{1,18}", text):
        assert found == int(text)
