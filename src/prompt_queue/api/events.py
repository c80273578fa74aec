"""Live streams of what happens to a job, or to all jobs of the caller (server-sent events)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from prompt_queue.api.auth import JobReader, PartsOf, Reader
from prompt_queue.api.job_ids import JobId, PictureJobId, job_id_of, no_such_job
from prompt_queue.api.problems import documented
from prompt_queue.api.stream_room import StreamRoom
from prompt_queue.api.streams import CONTENT, MEDIA_TYPE, EventStream, Watcher, frame
from prompt_queue.api.tailer import Tailer, update_frame
from prompt_queue.api.watching import Subject, Views
from prompt_queue.store.event_store import EventStore, JobEvent

_ALWAYS = (
    "unauthorized", "forbidden", "identity_unavailable", "database_unavailable", "schema_behind",
    "misdirected_host",
)  # fmt: skip
_LARGEST = 2**63 - 1
_UNKNOWN = 0
_BEGINNING_AT_ONCE = 3


class Live:
    """Everything that streams use; `tailer` reads for all of them."""

    def __init__(self, events: EventStore, views: Views, room: StreamRoom) -> None:
        self.events = events
        self.room = room
        self.views = views
        self.tailer = Tailer(events, views)
        # A thousand clients that come back at once leave connections to the database for others.
        self.turns = asyncio.Semaphore(_BEGINNING_AT_ONCE)


def live_of(request: Request) -> Live:
    """What the streams of this application use."""
    live: Live = request.app.state.live
    return live


async def last_event_id(
    header: Annotated[
        str | None,
        Header(alias="Last-Event-ID", description="The id of the last frame that was received."),
    ] = None,
    query: Annotated[
        str | None,
        Query(alias="lastEventId", description="The same, for clients that set no headers."),
    ] = None,
) -> int | None:
    """The number to go on after, from the header or else the address."""
    return read_last_id(header or query)


def read_last_id(text: str | None) -> int | None:
    """The number in a text; 0, which no event has, where it cannot be read; None for nothing."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(_LARGEST)):
        return _UNKNOWN
    return min(int(text), _LARGEST)


LastEventId = Annotated[int | None, Depends(last_event_id)]


class StreamRoute(APIRoute):
    """Takes only requests that ask for a stream; others go on to the route that reads the job."""

    def matches(self, scope: Scope) -> tuple[Match, Any]:
        """Like other routes, but by the Accept header, too."""
        accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
        if scope["method"] != "GET" or MEDIA_TYPE.encode() not in accepted.lower():
            return Match.NONE, {}
        return super().matches(scope)


router = APIRouter(tags=["live"])
negotiated = APIRouter(route_class=StreamRoute)
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Frames `snapshot`, `update`, `partial`, `resync` and `end`, and comments "
        "that keep the connection alive.",
        "content": CONTENT,
    }
}
_NOTHING: dict[int | str, dict[str, Any]] = {
    204: {"description": "The job has ended, and Last-Event-ID is behind its last event."}
}


@negotiated.get("/api/prompt/queue/{promptJobId}", include_in_schema=False)
@router.get(
    "/api/prompt/queue/{promptJobId}/events",
    summary="Watch a prompt job",
    response_class=StreamingResponse,
    responses=_STREAM
    | _NOTHING
    | documented(*_ALWAYS, "job_not_found", "invalid_id", "too_many_streams"),
)
async def watch_prompt(
    request: Request, job_id: JobId, parts: PartsOf, caller: JobReader, last: LastEventId
) -> Response:
    """A snapshot, then every event of the job, until it has ended."""
    found = job_id_of(job_id)
    if await parts.prompt_store.find_job(found, caller.user_id) is None:
        raise no_such_job(found)
    watcher = Watcher(Subject(found, is_pictures=False), (found,))
    return await _open(request, caller.user_id, watcher, _OfJob(live_of(request), watcher), last)


@negotiated.get("/api/jobs/{jobId}", include_in_schema=False)
@router.get(
    "/api/jobs/{jobId}/events",
    summary="Watch a picture job",
    response_class=StreamingResponse,
    responses=_STREAM
    | _NOTHING
    | documented(*_ALWAYS, "job_not_found", "invalid_id", "too_many_streams"),
)
async def watch_pictures(
    request: Request, job_id: PictureJobId, parts: PartsOf, caller: JobReader, last: LastEventId
) -> Response:
    """A snapshot, then every event of the job, its prompt and its pictures, until it has ended."""
    found = job_id_of(job_id, "jobId")
    rows = await parts.picture_store.find(found, caller.user_id)
    if not rows:
        raise no_such_job(found)
    prompt = [rows[0].prompt_job_id] if rows[0].prompt_job_id else []
    watcher = Watcher(Subject(found, is_pictures=True), (found, *prompt))
    return await _open(request, caller.user_id, watcher, _OfJob(live_of(request), watcher), last)


@router.get(
    "/api/events",
    summary="Watch all of your jobs",
    response_class=StreamingResponse,
    responses=_STREAM | documented(*_ALWAYS, "too_many_streams"),
)
async def watch_all(request: Request, caller: Reader, last: LastEventId) -> Response:
    """A snapshot of the open ones, then every event of any of your jobs."""
    watcher = Watcher(user_id=caller.user_id)
    return await _open(
        request, caller.user_id, watcher, _OfUser(live_of(request), watcher, caller.user_id), last
    )


class _OfJob:
    """How the stream of one job begins."""

    def __init__(self, live: Live, watcher: Watcher) -> None:
        self._live = live
        self._watcher = watcher

    async def snapshot(self) -> bytes:
        """The present state; the stream ends with it where nothing will change any more."""
        return await self._look(await self._live.events.ids_of_jobs(self._watcher.job_ids))

    async def since(self, last: int) -> bytes | None:
        """What may not have been seen; nothing where that is all there will ever be."""
        subject, jobs = self._watcher.subject, self._watcher.job_ids
        events = await self._live.events.of_jobs_since(jobs, last)
        view = (await self._live.views.of([subject]))[subject]
        if view.is_final:
            # The event with which it ended may have come between the two looks.
            events = await self._live.events.of_jobs_since(jobs, last)
        news = any(event.id > last for event in events)
        if view.is_final and not news and not (events and subject.is_pictures):
            return None
        frames = [update_frame(event, view) for event in events]
        self._live.tailer.opened(self._watcher, [event.id for event in events])
        if view.is_final:
            self._watcher.end("final")
            if not news:
                # Pictures end in transactions that overlap: told again with a number behind which
                # nothing is left, so that the next reconnect finds that it is over.
                frames.append(frame("snapshot", view.body, await self._live.events.newest()))
        return b"".join(frames)

    async def _look(self, ids: Sequence[int]) -> bytes:
        subject = self._watcher.subject
        view = (await self._live.views.of([subject]))[subject]
        if view.is_final:
            ids = await self._live.events.ids_of_jobs(self._watcher.job_ids)
            self._watcher.end("final")
        self._live.tailer.opened(self._watcher, ids)
        return frame("snapshot", view.body, max(ids, default=0))


class _OfUser:
    """How the stream of all jobs of a user begins."""

    def __init__(self, live: Live, watcher: Watcher, user_id: UUID) -> None:
        self._live = live
        self._watcher = watcher
        self._user_id = user_id

    async def snapshot(self) -> bytes:
        """The open jobs, with a number from before the look at them: nothing lies between."""
        newest = await self._live.events.newest()
        return frame("snapshot", await self._live.views.of_user(self._user_id), newest)

    async def since(self, last: int) -> bytes:
        """What may not have been seen, or a snapshot where that is too much."""
        events: Sequence[JobEvent] | None = await self._live.events.of_user_since(
            self._user_id, last
        )
        if events is None:
            return _resync("too_old") + await self.snapshot()
        self._live.tailer.opened(self._watcher, [event.id for event in events])
        return b"".join(update_frame(event, None) for event in events)


async def _open(
    request: Request,
    user: UUID,
    watcher: Watcher,
    beginning: _OfJob | _OfUser,
    last: int | None,
) -> Response:
    live = live_of(request)
    live.room.enter(user)

    def leave() -> None:
        live.tailer.leave(watcher)
        live.room.leave(user)

    try:
        await live.tailer.join(watcher)
        async with live.turns:
            gone = await request.is_disconnected()
            opening = None if gone else await _opening(live, beginning, last)
    except BaseException:
        leave()
        raise
    if opening is None:
        leave()
        return Response(status_code=204)
    look_anew: Callable[[], Awaitable[bytes]] = beginning.snapshot
    return EventStream(watcher, opening, look_anew, leave)


async def _opening(live: Live, beginning: _OfJob | _OfUser, last: int | None) -> bytes | None:
    if last is None:
        return await beginning.snapshot()
    if not await live.events.is_known(last):
        return _resync("unknown") + await beginning.snapshot()
    return await beginning.since(last)


def _resync(reason: str) -> bytes:
    return frame("resync", f'{{"reason":"{reason}"}}')
