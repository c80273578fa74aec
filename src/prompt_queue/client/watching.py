"""Watching a job: by the server's stream while there is one, else by polling."""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from prompt_queue.client.calls import Kind
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
    Emit,
    NoAnswer,
    Open,
    Pause,
    Read,
    Request,
    Series,
    Silence,
)
from prompt_queue.client.models import Job, Update
from prompt_queue.client.reading import Unreadable, read
from prompt_queue.client.retrying import Thinking
from prompt_queue.client.sse import Parser, ServerSentEvent, TooLong
from prompt_queue.client.waiting import differs, poll

J = TypeVar("J", bound=Job)
# What may follow the final state: its event, and the server's word that this was all.
_FAREWELL_SECONDS: Final = 5.0
_MOST_BREAKS: Final = 3
_POLL_INSTEAD_SECONDS: Final = 60.0
_USUAL_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 5.0
_AWAY: Final = frozenset({429, 502, 503})
_LIVED_SECONDS: Final = 30.0
_REMEMBERED: Final = 1000


class Watching(Generic[J]):
    """One watch. `breaks` counts the streams in a row that ended without anything new."""

    def __init__(
        self, think: Thinking, kind: Kind[J], job_id: str | UUID, last_event_id: int | None
    ) -> None:
        self._think = think
        self._kind = kind
        self._job_id = job_id
        self._job: J | None = None
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
        return self._job is not None and self._job.is_final

    def _poll(self) -> Series[Update[J]]:
        seconds = _POLL_INSTEAD_SECONDS if self._streams else None
        self._job = yield from poll(self._think, self._kind, self._job_id, self._job, seconds)
        self._over = self._has_ended
        self._breaks = 0

    def _stream(self) -> Series[Update[J]]:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
        if self._last_id is not None:
            headers["Last-Event-ID"] = self._last_id
        path = self._kind.path(self._job_id, "events")
        request = Request(method="GET", path=path, headers=headers)
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
            for event in events:
                if event.event == "end":
                    if _object(event.data).get("reason") == "final":
                        yield from self._finish()
                    else:
                        self._breaks += 1
                    return
                yield from self._take(event)
            asked = _USUAL_PAUSE_SECONDS if parser.retry_ms is None else parser.retry_ms / 1000
            self._pause = min(asked, _LONGEST_PAUSE_SECONDS)
        self._over = self._has_ended
        self._breaks += 1

    def _take(self, event: ServerSentEvent) -> Series[Update[J]]:
        found = _object(event.data)
        number = int(event.id) if event.id and event.id.isdecimal() else None
        match event.event:
            case "snapshot":
                yield from self._tell(self._read(found), "snapshot", number)
            case "update":
                event_id = found.get("eventId")
                number = event_id if isinstance(event_id, int) else number
                if number is None or number not in self._told:
                    yield from self._happened(found, number)
            case "partial" if self._job is not None and not self._job.is_final:
                job = replace(self._job, partial_prompt=found.get("partialPrompt"))
                yield from self._tell(job, "partial", None)
            case _:
                pass
        if event.id:
            self._last_id = event.id

    def _happened(self, found: Mapping[str, Any], number: int | None) -> Series[Update[J]]:
        if number is not None:
            self._told.append(number)
        job = self._read(found.get("job"))
        if job is None:
            job = yield from self._think.perform(self._kind.get(self._job_id))
        self._job, self._breaks = job, 0
        data = found.get("data")
        yield Emit(
            Update(
                job=job,
                kind=str(found.get("kind")),
                event_id=number,
                data=data if isinstance(data, Mapping) else {},
            )
        )

    def _tell(self, job: J | None, kind: str, number: int | None) -> Series[Update[J]]:
        if job is None or not differs(job, self._job):
            return
        self._job, self._breaks = job, 0
        yield Emit(Update(job=job, kind=kind, event_id=number))

    def _read(self, found: object) -> J | None:
        """A job, unless this is none: an event that cannot be read must not end the watch."""
        try:
            return read(self._kind.model, found)
        except Unreadable:
            return None

    def _finish(self) -> Series[Update[J]]:
        """The server says that all has been told; the final state may have been told to another."""
        if not self._has_ended:
            job = yield from self._think.perform(self._kind.get(self._job_id))
            yield from self._tell(job, "snapshot", None)
        self._over = self._has_ended
        self._breaks += 1


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
