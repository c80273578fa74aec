"""Watching all jobs of the caller: by the server's stream while there is one, else by listings."""

from collections.abc import Mapping
from typing import Any, Final

from prompt_queue.client import calls
from prompt_queue.client.errors import NotFound
from prompt_queue.client.exchange import Emit, Flow, Pause, Series
from prompt_queue.client.models import PictureJob, PromptJob, Update
from prompt_queue.client.reading import Unreadable, read
from prompt_queue.client.retrying import Thinking
from prompt_queue.client.sse import ServerSentEvent
from prompt_queue.client.streaming import POLL_INSTEAD_SECONDS, Streaming, number_of, object_of
from prompt_queue.client.waiting import differs

AnyJob = PromptJob | PictureJob
AnyKind = calls.Kind[PromptJob] | calls.Kind[PictureJob]
POLL_SECONDS: Final = 2.0
_PAGE: Final = {"page_size": 100}
# What each list of the snapshot is, and which name has the id of its jobs.
_LISTS: Final[Mapping[str, AnyKind]] = {"promptJobs": calls.PROMPTS, "jobs": calls.PICTURES}


class WatchingAll(Streaming[AnyJob]):
    """The watch of all jobs; it does not end by itself.

    What is known of open jobs is kept, so that a snapshot and a listing tell only what is new.
    """

    def __init__(self, think: Thinking, last_event_id: int | None) -> None:
        super().__init__(think, "/api/events", last_event_id)
        self._open: dict[str, tuple[AnyKind, AnyJob]] = {}
        self._listed: set[str] | None = None
        self._looked_up: dict[str, AnyJob | None] = {}

    def _arrived(self) -> None:
        self._looked_up.clear()

    def _take(self, event: ServerSentEvent) -> Series[Update[AnyJob]]:
        found = object_of(event.data)
        number = number_of(event, found)
        match event.event:
            case "snapshot":
                yield from self._compare(self._read_lists(found), number)
            case "update" if self._is_new(number):
                yield from self._happened(found, number)
            case _:
                pass
        if event.id:
            self._last_id = event.id

    def _happened(self, found: Mapping[str, Any], number: int | None) -> Series[Update[AnyJob]]:
        kind: AnyKind = calls.PICTURES if "jobId" in found else calls.PROMPTS
        job_id = str(found.get("jobId") or found.get("promptJobId"))
        if job_id not in self._looked_up:
            self._looked_up[job_id] = yield from self._look_up(kind, job_id)
        job, self._breaks = self._looked_up[job_id], 0
        if job is None:
            return
        self._know(kind, job)
        data = found.get("data")
        yield Emit(
            Update(
                job=job,
                kind=str(found.get("kind")),
                event_id=number,
                data=data if isinstance(data, Mapping) else {},
            )
        )

    def _compare(
        self, jobs: Mapping[str, tuple[AnyKind, AnyJob]], number: int | None
    ) -> Series[Update[AnyJob]]:
        """Tell what a snapshot of the open jobs has that is new; who is not in it has ended."""
        for job_id, (kind, _) in tuple(self._open.items()):
            if job_id not in jobs:
                yield from self._tell(kind, (yield from self._look_up(kind, job_id)), "snapshot")
        for kind, job in jobs.values():
            yield from self._tell(kind, job, "snapshot", number)

    def _poll(self) -> Series[Update[AnyJob]]:
        started = self._think.clock()
        while not self._streams or self._think.clock() - started < POLL_INSTEAD_SECONDS:
            yield from self._list()
            yield Pause(POLL_SECONDS)
        self._breaks = 0

    def _list(self) -> Series[Update[AnyJob]]:
        """Tell what the newest jobs and those that were open have that is new."""
        listed: dict[str, tuple[AnyKind, AnyJob]] = {}
        for kind in (calls.PROMPTS, calls.PICTURES):
            page = yield from self._think.perform(_page(kind))
            listed |= {job.id: (kind, job) for job in reversed(page.items)}
        for job_id, (kind, _) in tuple(self._open.items()):
            if job_id not in listed:
                job = yield from self._look_up(kind, job_id)
                yield from self._tell(kind, job, "changed", via="poll")
        before, self._listed = self._listed, set(listed)
        for job_id, (kind, job) in listed.items():
            # What had ended before the first look is no news.
            is_old = before is None or job_id in before
            if job_id in self._open or not (job.is_final and is_old):
                what = "snapshot" if before is None and job_id not in self._open else "changed"
                yield from self._tell(kind, job, what, via="poll")

    def _tell(
        self,
        kind: AnyKind,
        job: AnyJob | None,
        what: str,
        number: int | None = None,
        via: str = "stream",
    ) -> Series[Update[AnyJob]]:
        known = self._open.get(job.id) if job else None
        if job is None or not differs(job, known[1] if known else None):
            return
        self._breaks = 0
        self._know(kind, job)
        yield Emit(Update(job=job, kind=what, event_id=number, via=via))

    def _know(self, kind: AnyKind, job: AnyJob) -> None:
        if job.is_final:
            self._open.pop(job.id, None)
        else:
            self._open[job.id] = (kind, job)

    def _look_up(self, kind: AnyKind, job_id: str) -> Flow[AnyJob | None]:
        """The job, or None where it was deleted."""
        try:
            job: AnyJob = yield from self._think.perform(_get(kind, job_id))
        except NotFound:
            self._open.pop(job_id, None)
            return None
        return job

    def _read_lists(self, found: Mapping[str, Any]) -> dict[str, tuple[AnyKind, AnyJob]]:
        """The jobs of a snapshot; what cannot be read must not end the watch."""
        jobs: dict[str, tuple[AnyKind, AnyJob]] = {}
        for name, kind in _LISTS.items():
            for one in found.get(name) or ():
                try:
                    job: AnyJob = read(kind.model, one)
                except Unreadable:
                    continue
                jobs[job.id] = (kind, job)
        return jobs

    def _finish(self) -> Series[Update[AnyJob]]:
        """No stream of all jobs is final; the next one goes on."""
        self._breaks += 1
        yield from ()


def _page(kind: AnyKind) -> calls.Call[calls.Page[Any]]:
    return calls.page(kind.listing, kind.model, _PAGE, None)


def _get(kind: AnyKind, job_id: str) -> calls.Call[Any]:
    return kind.get(job_id)
