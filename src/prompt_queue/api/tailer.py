"""One reader of events for all watchers of a process; it asks nothing while nobody watches."""

import asyncio
import json
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from prompt_queue.api.streams import Watcher, frame
from prompt_queue.api.watching import Subject, View, Views
from prompt_queue.store.database import DatabaseRefused, DatabaseUnavailable
from prompt_queue.store.event_store import EventStore, JobEvent, News
from prompt_queue.telemetry import Event, log

INTERVAL_SECONDS = 0.1
_TEXTS_EVERY = 3
"""Rounds from one look at texts that grow to the next; models' texts are stored less often."""
_AWAY_SECONDS = 1.0
_SHORTEST_PAUSE_SECONDS = 0.02


class Tailer:
    """Reads new events for everybody at once and tells each watcher its own.

    What a round has seen is a snapshot of PostgreSQL, and the next one asks for what that snapshot
    did not show: an event is found once, in whatever order transactions commit.
    """

    def __init__(self, store: EventStore, views: Views) -> None:
        self._store = store
        self._views = views
        self._watchers: set[Watcher] = set()
        self._by_job: dict[UUID, set[Watcher]] = {}
        self._by_user: dict[UUID, set[Watcher]] = {}
        self._joining: list[asyncio.Future[None]] = []
        self._opened: dict[Watcher, int] = {}
        self._final: dict[Subject, int] = {}
        self._texts: Mapping[UUID, str] = {}
        self._seen: str | None = None
        self._server: str | None = None
        self._round = 0
        self._wanted = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def watching(self) -> int:
        """How many streams are open."""
        return len(self._watchers)

    async def join(self, watcher: Watcher) -> None:
        """From when this returns the watcher is told whatever happens.

        Raises DatabaseUnavailable, DatabaseRefused.
        """
        self._watchers.add(watcher)
        for job_id in watcher.job_ids:
            self._by_job.setdefault(job_id, set()).add(watcher)
        if watcher.user_id is not None:
            self._by_user.setdefault(watcher.user_id, set()).add(watcher)
        if self._stopped:
            watcher.end("shutdown")
            return
        included = asyncio.get_running_loop().create_future()
        self._joining.append(included)
        self._wanted.set()
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        try:
            await included
        except BaseException:
            self.leave(watcher)
            raise

    def opened(self, watcher: Watcher, event_ids: Collection[int]) -> None:
        """The client is told of these events otherwise, as they were seen just now."""
        watcher.know(frozenset(event_ids))
        self._opened[watcher] = self._round

    def leave(self, watcher: Watcher) -> None:
        """Tell the watcher nothing any more; may be repeated."""
        self._watchers.discard(watcher)
        self._opened.pop(watcher, None)
        for job_id in watcher.job_ids:
            _remove(self._by_job, job_id, watcher)
        if watcher.user_id is not None:
            _remove(self._by_user, watcher.user_id, watcher)

    def stop(self) -> None:
        """End all streams, now and from now on: the server is about to stop."""
        self._stopped = True
        for watcher in self._watchers:
            watcher.end("shutdown")
        for included in self._joining:
            if not included.done():
                included.set_result(None)

    async def close(self) -> None:
        """Stop, and end the reader."""
        self.stop()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        self._seen = self._server = None
        try:
            while self._watchers and not self._stopped:
                began = time.monotonic()
                pause = await self._look()
                # Who joins gets a round of its own soon, with whoever joins meanwhile.
                await asyncio.sleep(_SHORTEST_PAUSE_SECONDS)
                try:
                    async with asyncio.timeout(began + pause - time.monotonic()):
                        await self._wanted.wait()
                except TimeoutError:
                    continue
        except Exception as error:
            log(Event.SERVER_ERROR, level="error", method="GET", path="events", exc_info=error)
            for watcher in self._watchers:
                watcher.end("expired")
            raise

    async def _look(self) -> float:
        """One round; seconds until the next. Nobody has been told anything where it fails."""
        self._wanted.clear()
        self._round += 1
        joining, self._joining = self._joining, []
        try:
            news = await self._store.after(self._seen, tuple(self._by_job), tuple(self._by_user))
            views = await self._views.of({s for e in news.events for s in self._subjects(e)})
            texts = self._texts
            if self._by_job and self._round % _TEXTS_EVERY == 0:
                texts = await self._store.texts_so_far(tuple(self._by_job))
        except (DatabaseUnavailable, DatabaseRefused) as error:
            for included in joining:
                if not included.done():
                    included.set_exception(error)
            return _AWAY_SECONDS
        except BaseException:
            for included in joining:
                included.cancel()
            raise
        self._tell(news, views)
        self._tell_texts(texts)
        self._end_what_is_final(views)
        for included in joining:
            if not included.done():
                included.set_result(None)
        return INTERVAL_SECONDS

    def _tell(self, news: News, views: Mapping[Subject, View]) -> None:
        moved = self._server not in {None, news.server}
        self._seen, self._server = news.seen, news.server
        if moved or news.too_many:
            for watcher in self._watchers:
                watcher.fall_behind("another_server" if moved else "too_many")
            return
        for event in news.events:
            pieces: dict[Subject | None, bytes] = {}
            for watcher in self._audience(event):
                subject: Subject | None = watcher.subject
                if subject not in pieces:
                    view = views.get(subject) if subject else None
                    pieces[subject] = update_frame(event, view)
                watcher.tell(event.id, pieces[subject])
        for watcher in [w for w, since in self._opened.items() if since < self._round]:
            watcher.know(())
            del self._opened[watcher]

    def _tell_texts(self, texts: Mapping[UUID, str]) -> None:
        for job_id, text in texts.items():
            if self._texts.get(job_id) != text:
                piece = text_frame(job_id, text)
                for watcher in self._by_job.get(job_id, ()):
                    watcher.tell_text(piece)
        self._texts = texts

    def _end_what_is_final(self, views: Mapping[Subject, View]) -> None:
        """A round after a job was seen to be final, because all its events have been told then."""
        for subject, view in views.items():
            self._final.pop(subject, None)
            if view.is_final:
                self._final[subject] = self._round
        for subject in [s for s, since in self._final.items() if since < self._round]:
            del self._final[subject]
            for watcher in self._by_job.get(subject.id, ()):
                if watcher.subject == subject:
                    watcher.end("final")

    def _audience(self, event: JobEvent) -> Iterable[Watcher]:
        return (
            *self._by_job.get(event.job_id, ()),
            *self._by_user.get(event.user_id, ()),
        )

    def _subjects(self, event: JobEvent) -> set[Subject]:
        return {w.subject for w in self._by_job.get(event.job_id, ())}


def update_frame(event: JobEvent, view: View | None) -> bytes:
    """An event as the client gets it; with a view, that of the job whose stream it is."""
    told: dict[str, Any] = {
        "eventId": event.id,
        "kind": event.kind,
        "jobId" if event.is_about_pictures else "promptJobId": str(event.job_id),
        "createdAt": event.created_at.isoformat().replace("+00:00", "Z"),
        "data": event.data,
    }
    data = json.dumps(told, separators=(",", ":"))
    if view is not None:
        data = f'{data[:-1]},"job":{view.body}}}'
    return frame("update", data, event.id)


def text_frame(job_id: UUID, text: str) -> bytes:
    """What a model has written so far."""
    told = {"promptJobId": str(job_id), "partialPrompt": text}
    return frame("partial", json.dumps(told, separators=(",", ":")))


def _remove(groups: dict[UUID, set[Watcher]], key: UUID, watcher: Watcher) -> None:
    group = groups.get(key, set())
    group.discard(watcher)
    if not group:
        groups.pop(key, None)
