"""Server-sent events, from bytes as they come (WHATWG HTML, section 9.2.6)."""

import codecs
from dataclasses import dataclass
from typing import Final

_LONGEST_EVENT: Final = 8 * 1024 * 1024


class TooLong(ValueError):
    """An event without an end: this is not a stream of ours."""


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event. `id` is what this event carries itself, None where it has none."""

    event: str
    data: str
    id: str | None = None


class Parser:
    """Feed it chunks, cut anywhere; it gives the events that are complete.

    `last_event_id` is what a reconnection sends, `retry_ms` what the server asked to leave before.
    """

    def __init__(self) -> None:
        self.last_event_id: str | None = None
        self.retry_ms: int | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._at_start = True
        self._after_return = False
        self._event, self._data, self._size = "", list[str](), 0
        self._id: str | None = None

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that end in this chunk. Raises TooLong."""
        text = self._decoder.decode(chunk)
        if self._at_start and text:
            self._at_start = False
            text = text.removeprefix("\ufeff")
        if self._after_return and text:
            self._after_return = False
            text = text.removeprefix("\n")
        self._after_return = self._after_return or text.endswith("\r")
        *lines, last = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        found: list[ServerSentEvent] = []
        for line in lines:
            self._take(self._rest + line, found)
            self._rest = ""
        self._rest += last
        if len(self._rest) + self._size > _LONGEST_EVENT:
            raise TooLong(f"an event of more than {_LONGEST_EVENT:,} characters")
        return found

    def _take(self, line: str, found: list[ServerSentEvent]) -> None:
        if not line:
            if self._data:
                data = "\n".join(self._data)
                found.append(ServerSentEvent(self._event or "message", data, self._id))
            self._clear()
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
                self._size += len(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = self.last_event_id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry_ms = int(value[:9])
            case _:
                pass

    def _clear(self) -> None:
        self._event, self._data, self._size, self._id = "", [], 0, None
