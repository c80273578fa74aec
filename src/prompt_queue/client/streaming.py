"""What all watches share: the server's stream while there is one, else polling."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

from prompt_queue.client.errors import (
    InvalidRequest,
    NotFound,
    PromptQueueError,
    Unauthorized,
    Unreachable,
    error_of,
)
from prompt_queue.client.exchange import (
    Answer,
    Close,
    NoAnswer,
    Open,
    Pause,
    Read,
    Request,
    Series,
    Silence,
)
from prompt_queue.client.models import Job, Update
from prompt_queue.client.retrying import Thinking
from prompt_queue.client.sse import Parser, ServerSentEvent, TooLong

J = TypeVar("J", bound=Job)
POLL_INSTEAD_SECONDS: Final = 60.0
"""How long is polled before streams that broke are tried again."""

# What may follow the final state: its event, and the server's word that this was all.
_FAREWELL_SECONDS: Final = 5.0
_MOST_BREAKS: Final = 3
_USUAL_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 5.0
_AWAY: Final = frozenset({429, 502, 503})
_LIVED_SECONDS: Final = 30.0
_REMEMBERED: Final = 1000


class Streaming(Generic[J]):
    """One watch. `breaks` counts the streams in a row that ended without anything new."""

    def __init__(self, think: Thinking, path: str, last_event_id: int | None) -> None:
        """`path` is that of the stream."""
        self._think = think
        self._path = path
        self._last_id = None if last_event_id is None else str(last_event_id)
        self._told: deque[int] = deque(maxlen=_REMEMBERED)
        self._streams = True
        self._breaks = 0
        self._pause = _USUAL_PAUSE_SECONDS
        self._away_since: float | None = None
        self._over = False

    def updates(self) -> Series[Update[J]]:
        """News until the job has ended. Raises PromptQueueError."""
        while not self._over:
            if not self._streams or self._breaks >= _MOST_BREAKS:
                yield from self._poll()
                continue
            began = self._think.clock()
            yield from self._stream()
            yield Close()
            if self._think.clock() - began > _LIVED_SECONDS:
                self._breaks = min(self._breaks, 1)
            if self._streams and not self._over:
                chance = 0.5 + self._think.chance()
                yield Pause(self._pause * chance * 2.0 ** max(0, self._breaks - 1))

    @property
    def _has_ended(self) -> bool:
        """Whether nothing but the end of the stream is expected."""
        return False

    def _poll(self) -> Series[Update[J]]:
        """Look for news without a stream, for a while."""
        raise NotImplementedError

    def _take(self, event: ServerSentEvent) -> Series[Update[J]]:
        """Tell what an event says."""
        raise NotImplementedError

    def _finish(self) -> Series[Update[J]]:
        """The server says that all has been told."""
        raise NotImplementedError

    def _arrived(self) -> None:
        """More of the stream is there: what was looked up before may be old."""

    def _stream(self) -> Series[Update[J]]:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
        if self._last_id is not None:
            headers["Last-Event-ID"] = self._last_id
        request = Request(method="GET", path=self._path, headers=headers)
        try:
            answer: Answer = yield Open(request, self._think.patience.first_byte)
        except NoAnswer as failure:
            if failure.sent:
                self._streams = not failure.late
                self._breaks += 1
            else:
                self._is_away(Unreachable(str(failure)))
            return
        if answer.status not in _AWAY:
            self._away_since = None
        if answer.status == 204:
            yield from self._finish()
        elif answer.status != 200:
            self._refused(answer, request)
        elif answer.headers.get("content-type", "").startswith("text/event-stream"):
            yield from self._listen()
        else:
            self._streams = False

    def _refused(self, answer: Answer, request: Request) -> None:
        error = error_of(answer, request)
        elsewhere = error.code in {"route_not_found", "not_from_the_server"}
        if answer.status in {405, 406, 501} or (isinstance(error, NotFound) and elsewhere):
            self._streams = False
        elif isinstance(error, Unauthorized | NotFound | InvalidRequest):
            raise error
        elif answer.status in _AWAY and error.retryable:
            self._is_away(error)
        else:
            self._breaks += 1

    def _is_away(self, error: PromptQueueError) -> None:
        """No server, no polling either: its stream goes on when it is back. Raises at last."""
        now, asked = self._think.clock(), getattr(error, "retry_after", None)
        self._away_since = now if self._away_since is None else self._away_since
        if now - self._away_since >= self._think.patience.total:
            raise error
        self._pause = min(asked or self._pause * 2, _LONGEST_PAUSE_SECONDS)

    def _listen(self) -> Series[Update[J]]:
        parser, heard, patience = Parser(), False, self._think.patience
        while True:
            usual = patience.silence if heard else patience.first_byte
            try:
                chunk: bytes = yield Read(_FAREWELL_SECONDS if self._has_ended else usual)
                events = parser.feed(chunk)
            except (Silence, TooLong) as trouble:
                self._streams = heard and isinstance(trouble, Silence)
                break
            except NoAnswer:
                break
            if not chunk:
                break
            heard = True
            self._arrived()
            for event in events:
                if event.event == "end":
                    if object_of(event.data).get("reason") == "final":
                        yield from self._finish()
                    else:
                        self._breaks += 1
                    return
                yield from self._take(event)
            asked = _USUAL_PAUSE_SECONDS if parser.retry_ms is None else parser.retry_ms / 1000
            self._pause = min(asked, _LONGEST_PAUSE_SECONDS)
        self._over = self._has_ended
        self._breaks += 1

    def _is_new(self, number: int | None) -> bool:
        """Whether the event was not told yet; it counts as told then."""
        if number is None:
            return True
        if number in self._told:
            return False
        self._told.append(number)
        return True


def number_of(event: ServerSentEvent, found: Mapping[str, Any]) -> int | None:
    """The number of an event, for Last-Event-ID."""
    told = found.get("eventId")
    if isinstance(told, int):
        return told
    return int(event.id) if event.id and event.id.isdecimal() else None


def object_of(text: str) -> Mapping[str, Any]:
    """The JSON object of an event; empty where it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
