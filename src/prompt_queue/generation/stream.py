"""Putting a streamed reply together again: server-sent events in, the whole reply out. Pure.

The events are `chat.completion.chunk` objects, ended by `data: [DONE]`; an error may come among
them in either of xAI's envelopes (https://docs.x.ai, "Streaming").
"""

import json
from typing import Any

_LINE_END = b"\n"
_MARK = "[DONE]"


class StreamedReply:
    """One streamed reply, fed as it arrives in pieces of any size."""

    def __init__(self) -> None:
        self.text = ""
        self._unfinished = bytearray()
        self._data: list[str] = []
        self._frame: dict[str, Any] = {}
        self._refusal = ""
        self._finish_reason: str | None = None
        self._error: str | None = None
        self._done = False

    @property
    def is_whole(self) -> bool:
        """Whether the server said that it had ended: with a reason, an error or its last mark."""
        return self.is_over or self._finish_reason is not None

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come."""
        return self._done or self._error is not None

    def feed(self, piece: bytes) -> None:
        """Take the next piece. What cannot be read as an event is passed over."""
        self._unfinished += piece
        if _LINE_END not in piece:
            return
        *lines, self._unfinished = self._unfinished.split(_LINE_END)
        for line in lines:
            if self.is_over:
                return
            self._take(line.removesuffix(b"\r").decode("utf-8", "replace"))

    def body(self) -> bytes:
        """The reply as it would have come in one piece, for `answer` and `classify`."""
        if self._error is not None:
            return self._error.encode()
        message = {"content": self.text, "refusal": self._refusal or None}
        # Text that ends without a reason may be half a prompt.
        reason = self._finish_reason or ("length" if self.text else None)
        choice = {"message": message, "finish_reason": reason}
        return json.dumps(self._frame | {"choices": [choice]}).encode()

    def _take(self, line: str) -> None:
        if line:
            field, _, value = line.partition(":")
            if field == "data":
                self._data.append(value.removeprefix(" "))
            return
        data, self._data = "\n".join(self._data), []
        if data == _MARK:
            self._done = True
        elif data:
            self._read(data)

    def _read(self, data: str) -> None:
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            return
        if not isinstance(event, dict):
            return
        choices = event.get("choices")
        if not choices and (event.get("error") or event.get("code")):
            self._error = data
            return
        for name in ("id", "model", "usage"):
            if event.get(name):
                self._frame[name] = event[name]
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and not choice.get("index"):
                self._add(choice)

    def _add(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self.text += _text(delta.get("content"))
            self._refusal += _text(delta.get("refusal"))
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self._finish_reason = reason


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
