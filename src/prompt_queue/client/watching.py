"""Watching a job: by the server's stream while there is one, else by polling."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from prompt_queue.client.calls import Kind
from prompt_queue.client.exchange import Emit, Series
from prompt_queue.client.models import Job, Update
from prompt_queue.client.reading import Unreadable, read
from prompt_queue.client.retrying import Thinking
from prompt_queue.client.sse import ServerSentEvent
from prompt_queue.client.streaming import POLL_INSTEAD_SECONDS, Streaming, number_of, object_of
from prompt_queue.client.waiting import differs, poll

J = TypeVar("J", bound=Job)


class Watching(Streaming[J]):
    """The watch of one job; over when the job has ended."""

    def __init__(
        self, think: Thinking, kind: Kind[J], job_id: str | UUID, last_event_id: int | None
    ) -> None:
        super().__init__(think, kind.path(job_id, "events"), last_event_id)
        self._kind = kind
        self._job_id = job_id
        self._job: J | None = None

    @property
    def _has_ended(self) -> bool:
        return self._job is not None and self._job.is_final

    def _poll(self) -> Series[Update[J]]:
        seconds = POLL_INSTEAD_SECONDS if self._streams else None
        self._job = yield from poll(self._think, self._kind, self._job_id, self._job, seconds)
        self._over = self._has_ended
        self._breaks = 0

    def _take(self, event: ServerSentEvent) -> Series[Update[J]]:
        found = object_of(event.data)
        number = number_of(event, found)
        match event.event:
            case "snapshot":
                yield from self._tell(self._read(found), "snapshot", number)
            case "update" if self._is_new(number):
                yield from self._happened(found, number)
            case "partial" if self._job is not None and not self._job.is_final:
                job = replace(self._job, partial_prompt=found.get("partialPrompt"))
                yield from self._tell(job, "partial", None)
            case _:
                pass
        if event.id:
            self._last_id = event.id

    def _happened(self, found: Mapping[str, Any], number: int | None) -> Series[Update[J]]:
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
