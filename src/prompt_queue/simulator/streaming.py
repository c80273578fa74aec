"""The regular answer as server-sent events, and the ways in which a stream fails. Pure."""

import json
from collections.abc import Iterator
from typing import Any

from prompt_queue.simulator import errors
from prompt_queue.simulator.faults import Fault
from prompt_queue.simulator.replies import Manner, Reply

EVENT_END = b"\n\n"
_DONE = b"data: [DONE]"
_BREAKS: dict[str, Manner] = {"stream_end": "events", "stream_hang": "stall"}


def streamed(
    body: dict[str, Any], *, include_usage: bool, seconds: float, manner: Manner = "events"
) -> Reply:
    """xAI's `chat.completion.chunk` objects for an answer, a word each, spread over the seconds."""
    events = [*_chunks(body, include_usage=include_usage), _DONE]
    return _reply(events, manner, seconds)


def broken_stream(fault: Fault, body: dict[str, Any], *, seconds: float) -> Reply:
    """A stream that fails half-way: by an error among the events, an early end, or silence."""
    events = list(_chunks(body, include_usage=False))
    half = events[: len(events) // 2]
    if fault.kind == "stream_error":
        error = fault.body if fault.body is not None else errors.unavailable().body("nested")
        half.append(b"data: " + json.dumps(error).encode())
    return _reply(half, _BREAKS.get(fault.kind, "events"), seconds)


def _reply(events: list[bytes], manner: Manner, seconds: float) -> Reply:
    data = EVENT_END.join(events) + EVENT_END
    return Reply(200, data, "text/event-stream", manner=manner, seconds=seconds)


def _chunks(body: dict[str, Any], *, include_usage: bool) -> Iterator[bytes]:
    for choice in body["choices"]:
        index, message = choice["index"], choice["message"]
        if message.get("reasoning_content"):
            yield _chunk(body, index, {"reasoning_content": message["reasoning_content"]})
        for word in _words(message["content"] or ""):
            yield _chunk(body, index, {"content": word})
        yield _chunk(body, index, {}, choice["finish_reason"])
    if include_usage and "usage" in body:
        yield _event(_frame(body) | {"choices": [], "usage": body["usage"]})


def _words(text: str) -> list[str]:
    """The text cut before its spaces, as tokens are."""
    first, *others = text.split(" ")
    return [first, *(f" {word}" for word in others)]


def _chunk(
    body: dict[str, Any], index: int, delta: dict[str, Any], finish_reason: str | None = None
) -> bytes:
    choice: dict[str, Any] = {"index": index, "delta": {"role": "assistant", **delta}}
    if finish_reason is not None:
        choice["finish_reason"] = finish_reason
    return _event(_frame(body) | {"choices": [choice]})


def _frame(body: dict[str, Any]) -> dict[str, Any]:
    kept = {name: body[name] for name in ("id", "created", "model", "system_fingerprint")}
    return kept | {"object": "chat.completion.chunk"}


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document).encode()
