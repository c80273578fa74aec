"""Streams of events over HTTP: what is on the wire, and that nothing is skipped."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.api import streams
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.event_store import EventStore
from prompt_queue.store.prompt_store import PromptStore
from tests.api.listening import Ear, listening
from tests.api.running import QUEUE, Api, complete, fail, running
from tests.conftest import until

EVENT = """
insert into prompt_job_events (job_id, user_id, kind, data) values ($1, $2, $3, '{}') returning id
"""


@asynccontextmanager
async def watch(api: Api, job: str, last_id: int | None = None) -> AsyncIterator[Ear]:
    async with listening(api.session, f"{api.url}{QUEUE}/{job}/events", last_id) as ear:
        yield ear


async def test_a_stream_tells_a_job_from_now_to_its_end(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """First the job as GET gives it, then each event with the job after it, then the end."""
    job = await api.queued(demo)
    path = f"{QUEUE}/{job}"
    async with watch(api, job) as ear:
        headers = ear.response.headers
        assert headers["Content-Type"].startswith("text/event-stream")
        assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-store", "no")
        snapshot = await ear.next()
        assert snapshot is not None
        assert (snapshot.event, snapshot.data) == ("snapshot", (await api.get(path)).body)
        await complete(store, "Make the sky teal.")
        frames = await ear.rest()
    events = (await api.get(f"{path}/timeline")).body["events"]
    assert snapshot.id == events[0]["id"]
    updates = [frame for frame in frames if frame.event == "update"]
    assert [frame.data["eventId"] for frame in updates] == [frame.id for frame in updates]
    assert [(f.id, f.data["kind"], f.data["createdAt"], f.data["data"]) for f in updates] == [
        (e["id"], e["kind"], e["createdAt"], e["data"]) for e in events[1:]
    ]
    assert {frame.data["promptJobId"] for frame in updates} == {job}
    assert updates[-1].data["job"] == (await api.get(path)).body
    assert (frames[-1].event, frames[-1].data) == ("end", {"reason": "final"})
    assert frames[-1].id is None


async def test_a_client_goes_on_behind_what_it_has_seen(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """Without a snapshot, by header or by parameter; where nothing is left, 204 says so."""
    job = await api.queued(demo)
    path = f"{QUEUE}/{job}/events"
    async with watch(api, job) as ear:
        await ear.until("snapshot")
    seen = ear.last_id
    await complete(store)
    async with watch(api, job, seen) as ear:
        frames = await ear.rest()
    assert [f.data.get("kind", f.event) for f in frames] == ["claimed", "completed", "end"]
    by_parameter = await api.get(f"{path}?lastEventId={seen}")
    assert by_parameter.content.decode().count("event: update") == 2
    assert (await api.get(path, headers={"Last-Event-ID": str(ear.last_id)})).status == 204


async def test_a_job_that_has_ended_is_told_at_once(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """A snapshot and the end; a failed one that is tried again is watched again."""
    job = await api.queued(demo)
    await fail(store)
    async with watch(api, job) as ear:
        frames = await ear.rest()
    assert [frame.event for frame in frames] == ["snapshot", "end"]
    assert (await api.post(f"{QUEUE}/{job}/retry")).status == 202
    async with watch(api, job, ear.last_id) as ear:
        assert (await ear.until("update")).data["kind"] == "retried"
        await complete(store)
        assert (await ear.rest())[-1].data == {"reason": "final"}


@pytest.mark.parametrize("last", ["999999999", "0", "x", "9" * 40, "-1"])
async def test_a_number_that_nobody_knows_gets_a_resync(api: Api, demo: UUID, last: str) -> None:
    """And the present state after it."""
    job = await api.queued(demo)
    for path in (f"{QUEUE}/{job}/events", "/api/events"):
        async with listening(api.session, f"{api.url}{path}?lastEventId={last}") as ear:
            resync, snapshot = await ear.next(), await ear.next()
        assert resync is not None
        assert snapshot is not None
        assert (resync.event, resync.data, resync.id) == ("resync", {"reason": "unknown"}, None)
        assert snapshot.event == "snapshot"


async def test_all_jobs_of_the_caller_and_nobody_elses(
    api: Api, demo: UUID, store: PromptStore, database_url: str
) -> None:
    """The open ones first, then what happens to any; a stranger's events are not told."""
    first = await api.queued(demo)
    async with listening(api.session, f"{api.url}/api/events") as ear:
        snapshot = await ear.until("snapshot")
        assert [job["promptJobId"] for job in snapshot.data["promptJobs"]] == [first]
        assert snapshot.data["jobs"] == []
        connection = await asyncpg.connect(database_url)
        await connection.fetchval(EVENT, uuid4(), uuid4(), "queued")
        second = await api.queued(demo, priority=9)
        update = await ear.until("update")
        assert (update.data["kind"], update.data["promptJobId"]) == ("queued", second)
        assert "job" not in update.data
        await complete(store)
        done = await ear.until("update", "completed")
        assert done.data["promptJobId"] == second
    await complete(store)
    async with listening(api.session, f"{api.url}/api/events", done.id) as ear:
        assert (await ear.until("update", "completed")).data["promptJobId"] == first
    await connection.close()


async def test_who_was_away_too_long_looks_anew(api: Api, demo: UUID, database_url: str) -> None:
    """More than 10,000 events behind, the state is told instead."""
    job = await api.queued(demo)
    connection = await asyncpg.connect(database_url)
    last = await connection.fetchval("select max(id) from prompt_job_events")
    await connection.execute(
        "insert into prompt_job_events (job_id, user_id, kind) "
        "select gen_random_uuid(), gen_random_uuid(), 'queued' from generate_series(1, 10001)"
    )
    await connection.close()
    async with listening(api.session, f"{api.url}/api/events", last) as ear:
        resync, snapshot = await ear.next(), await ear.next()
    assert resync is not None
    assert snapshot is not None
    assert (resync.event, resync.data) == ("resync", {"reason": "too_old"})
    assert snapshot.data["promptJobs"][0]["promptJobId"] == job


async def test_events_that_commit_late_are_told_although_higher_numbers_were_first(
    api: Api, demo: UUID, database_url: str
) -> None:
    """To open streams, and to those that come back with a higher number; the others do not wait."""
    job = await api.queued(demo)
    connection = await asyncpg.connect(database_url)
    late = connection.transaction()
    async with watch(api, job) as open_one, listening(api.session, f"{api.url}/api/events") as all_:
        await open_one.until("snapshot")
        await late.start()
        number = await connection.fetchval(EVENT, UUID(job), DEMO_USER_ID, "late")
        other = await api.queued(demo)
        told = await all_.until("update", "queued")
        assert told.id is not None
        assert told.id > number
        async with watch(api, other) as another:
            await another.until("snapshot")
        await late.commit()
        assert (await open_one.until("update", "late")).id == number
        assert (await all_.until("update", "late")).id == number
    async with listening(api.session, f"{api.url}/api/events", told.id) as again:
        assert (await again.until("update", "late")).id == number
    async with watch(api, job, another.last_id) as again:
        assert (await again.until("update", "late")).id == number
    await connection.close()


async def test_nothing_is_told_twice_at_the_beginning(
    api: Api, demo: UUID, database_url: str
) -> None:
    """What the first look had seen does not come again by the reader, however close they were."""
    job = await api.queued(demo)
    connection = await asyncpg.connect(database_url)

    async def write() -> None:
        for _ in range(60):
            await connection.fetchval(EVENT, UUID(job), DEMO_USER_ID, "note")
            await asyncio.sleep(0.005)

    async def read() -> list[int]:
        async with watch(api, job) as ear:
            snapshot = await ear.until("snapshot")
            assert snapshot.id is not None
            numbers = [snapshot.id]
            while True:
                frame = await ear.next()
                assert frame is not None
                assert frame.id is not None
                numbers.append(frame.id)
                if frame.data["kind"] == "last":
                    return numbers

    readers = [asyncio.create_task(read())]
    writing = asyncio.create_task(write())
    for _ in range(10):
        await asyncio.sleep(0.01)
        readers.append(asyncio.create_task(read()))
    await writing
    await until(lambda: _watch(api, len(readers)))
    await connection.fetchval(EVENT, UUID(job), DEMO_USER_ID, "last")
    everything = [r["id"] for r in await connection.fetch("select id from prompt_job_events")]
    for numbers in await asyncio.gather(*readers):
        assert numbers == [number for number in sorted(everything) if number >= numbers[0]]
    await connection.close()


async def _watch(api: Api, count: int) -> bool:
    return bool(api.server.config.app.state.live.tailer.watching == count)  # type: ignore[union-attr]


async def test_a_stream_is_refused_like_a_look(api: Api, demo: UUID) -> None:
    """A job of somebody else as one that never was, before any stream begins."""
    for path, code, status in (
        (f"{QUEUE}/{uuid4()}/events", "job_not_found", 404),
        (f"/api/jobs/{uuid4()}/events", "job_not_found", 404),
        (f"{QUEUE}/x/events", "invalid_id", 422),
        ("/api/jobs/x/events", "invalid_id", 422),
    ):
        reply = await api.get(path)
        assert (reply.status, reply.headers["X-Error-Code"]) == (status, code)
    assert await _watch(api, 0)


async def test_the_route_of_a_job_gives_a_stream_to_who_accepts_one(api: Api, demo: UUID) -> None:
    """And JSON to everybody else."""
    job = await api.queued(demo)
    accept = {"Accept": "text/event-stream"}
    async with listening(api.session, f"{api.url}{QUEUE}/{job}", headers=accept) as ear:
        assert (await ear.until("snapshot")).data["promptJobId"] == job
    reply = await api.get(f"{QUEUE}/{job}", headers={"Accept": "application/json, */*"})
    assert reply.body["promptJobId"] == job
    assert (await api.get(f"{QUEUE}/{uuid4()}", headers=accept)).status == 404
    assert (await api.get(f"/api/jobs/{uuid4()}", headers=accept)).status == 404


async def test_the_text_is_seen_as_it_grows(api: Api, demo: UUID, database_url: str) -> None:
    """Each version that differs, without a number; not after the job has ended."""
    job = await api.queued(demo, stream=True)
    store = api.parts.prompt_store
    (claim,) = await store.claim(1, "tester", 30)
    connection = await asyncpg.connect(database_url)

    async def write(text: str) -> None:
        one = {"job_id": job, "lease_token": str(claim.lease_token), "partial": text}
        await connection.execute("select note_prompt_partials($1)", json.dumps([one]))

    async with watch(api, job) as ear:
        await ear.until("snapshot")
        for text in ("Make", "Make the sky"):
            await write(text)
            frame = await ear.until("partial")
            assert (frame.data, frame.id) == ({"promptJobId": job, "partialPrompt": text}, None)
        await store.settle([
            {"job_id": job, "lease_token": str(claim.lease_token), "outcome": "completed",
             "prompt": "Make the sky teal.", "source": "model", "model": "grok-4.7"}
        ])  # fmt: skip
        assert [f.event for f in await ear.rest()] == ["update", "end"]
    await connection.close()


async def test_who_waits_hears_that_the_connection_lives(
    api: Api, demo: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comment now and then, and an end after a while, behind which the client comes again."""
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(streams, "LIFE_SECONDS", 0.5)
    job = await api.queued(demo)
    async with watch(api, job) as ear:
        frames = await ear.rest()
    assert "alive" in ear.comments
    assert [frame.event for frame in frames] == ["snapshot", "end"]
    assert frames[-1].data == {"reason": "expired"}


@asynccontextmanager
async def deaf(api: Api) -> AsyncIterator[socket.socket]:
    """A client of /api/events that asks and does not read."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, port = api.url.removeprefix("http://").split(":")
        client.connect((host, int(port)))
        client.sendall(f"GET /api/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        await until(lambda: _watch(api, 1))
        yield client


async def _shout(connection: asyncpg.Connection, job: str, number: int) -> None:
    await connection.execute(
        "insert into prompt_job_events (job_id, user_id, kind, data) "
        "values ($1, $2, 'note', jsonb_build_object('text', $3::text))",
        UUID(job), DEMO_USER_ID, f"{number} " + "x" * 20_000,
    )  # fmt: skip


async def test_a_client_that_does_not_read_is_cut_and_hurts_nobody(
    api: Api, demo: UUID, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it is bounded; the others hear all of it."""
    monkeypatch.setattr(streams, "STALLED_SECONDS", 1.0)
    job = await api.queued(demo)
    connection = await asyncpg.connect(database_url)
    async with deaf(api), listening(api.session, f"{api.url}/api/events") as ear:
        await ear.until("snapshot")
        for number in range(40):
            await _shout(connection, job, number)
            frame = await ear.until("update")
            assert frame.data["data"]["text"].startswith(f"{number} ")
        await until(lambda: _watch(api, 1))
    await connection.close()


async def test_a_slow_client_that_reads_at_last_learns_why_it_is_cut(
    api: Api, demo: UUID, database_url: str
) -> None:
    """It is sent the end in place of what it did not take."""
    job = await api.queued(demo)
    connection = await asyncpg.connect(database_url)
    async with deaf(api) as client:
        (watcher,) = api.server.config.app.state.live.tailer._watchers  # type: ignore[union-attr]

        async def is_cut() -> bool:
            await _shout(connection, job, 0)
            return bool(watcher.ending)

        await until(is_cut)
        heard = await asyncio.to_thread(_read_all, client)
    assert b'event: end\ndata: {"reason":"slow"}' in heard[-200:]
    await connection.close()


def _read_all(client: socket.socket) -> bytes:
    client.settimeout(20)
    pieces = []
    while piece := client.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


async def test_a_server_that_stops_ends_its_streams(
    database_url: str, demo: UUID, tmp_path: Path, store: PromptStore
) -> None:
    """With a reason, and soon; the client goes on with the next server and misses nothing."""
    async with running(database_url, tmp_path) as first:
        job = await first.queued(demo)
        async with watch(first, job) as ear:
            await ear.until("snapshot")
            first.server.should_exit = True
            assert [f.data for f in await ear.rest()] == [{"reason": "shutdown"}]
    await complete(store)
    async with running(database_url, tmp_path) as second, watch(second, job, ear.last_id) as ear:
        kinds = [frame.data.get("kind") for frame in await ear.rest()]
    assert kinds == ["claimed", "completed", None]


async def test_a_server_without_watchers_asks_nothing(
    api: Api, demo: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader ends with the last stream, and begins again with the next."""
    job = await api.queued(demo)
    asked = 0
    after = EventStore.after

    async def counted(self: EventStore, *arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        return await after(self, *arguments)

    monkeypatch.setattr(EventStore, "after", counted)
    for _ in range(2):
        async with watch(api, job) as ear:
            await ear.until("snapshot")
        await until(lambda: _watch(api, 0))
        reading = api.server.config.app.state.live.tailer._reading  # type: ignore[union-attr]
        await until(lambda task=reading: _is_done(task))
        before = asked
        await api.get(f"{QUEUE}/{job}")
        assert asked == before > 0


async def _is_done(task: asyncio.Task[None]) -> bool:
    return task.done()


async def test_the_document_says_what_a_stream_is(api: Api) -> None:
    """Three routes answer text/event-stream; those that read a job do so for who asks."""
    paths = (await api.get("/openapi.json")).body["paths"]
    for path in (f"{QUEUE}/{{promptJobId}}/events", "/api/jobs/{jobId}/events", "/api/events"):
        operation = paths[path]["get"]
        assert list(operation["responses"]["200"]["content"]) == ["text/event-stream"]
        assert {p["name"] for p in operation["parameters"]} >= {"Last-Event-ID", "lastEventId"}
    for path in (f"{QUEUE}/{{promptJobId}}", "/api/jobs/{jobId}"):
        responses = paths[path]["get"]["responses"]
        assert set(responses["200"]["content"]) == {"application/json", "text/event-stream"}
        assert "$ref" in responses["200"]["content"]["application/json"]["schema"]
        assert "content" not in responses["204"]
