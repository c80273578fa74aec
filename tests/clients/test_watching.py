"""Watching a job: by the stream, over its breaks, or by polling where none comes through."""

import asyncio
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from prompt_queue.client import AsyncPromptQueue, PromptQueue
from prompt_queue.store.prompt_store import PromptStore
from tests.api.running import Api, complete
from tests.clients.conftest import node_or_skip
from tests.clients.faces import MODULE, Face, Said, node
from tests.clients.scripted import (
    JOB_ID,
    Scripted,
    Step,
    frame,
    hangs,
    job,
    page,
    refuses,
    says,
    scripted,
    streams,
    update,
)
from tests.clients.test_repeats import ALMOST_A_SECOND
from tests.conftest import until

ROUTE_MISSING = refuses(404, "route_not_found")
START = "retry: 20\n\n"
DONE = job("completed", generatedPrompt="Teal.", updatedAt="2026-11-26T10:00:09Z")
END = frame("end", {"reason": "final"})


def told(updates: list[dict[str, Any]]) -> list[tuple[str, int | None, str]]:
    """Kind, number and state of each."""
    return [(one["kind"], one["eventId"], one["job"]["status"]) for one in updates]


async def test_a_stream_is_told_as_it_comes(face: Face, server: Scripted) -> None:
    """The snapshot, the text as it grows, what happened, the end; then no more is asked."""
    server.streams = [
        streams(
            START,
            ": alive\n\n",
            frame("snapshot", job(), 3),
            update(4, "claimed", "processing"),
            frame("partial", {"promptJobId": JOB_ID, "partialPrompt": "Make"}),
            frame("partial", {"promptJobId": JOB_ID, "partialPrompt": "Make it"}),
            update(5, "completed", "completed", generatedPrompt="Make it teal."),
            END,
            ends="stay",
        )
    ]
    updates = await face.do("watch", id=JOB_ID)
    assert told(updates) == [
        ("snapshot", 3, "queued"),
        ("claimed", 4, "processing"),
        ("partial", None, "processing"),
        ("partial", None, "processing"),
        ("completed", 5, "completed"),
    ]
    assert [one["job"].get("partialPrompt") for one in updates[2:4]] == ["Make", "Make it"]
    assert [one["isFinal"] for one in updates] == [False] * 4 + [True]
    assert updates[1]["data"] == {"n": 4}
    assert {one["via"] for one in updates} == {"stream"}
    assert [one.path for one in server.seen] == [f"/api/prompt/queue/{JOB_ID}/events"]


@pytest.mark.parametrize("ends", ["close", "abort"])
async def test_a_stream_that_breaks_goes_on_after_its_last_event(
    face: Face, server: Scripted, ends: str
) -> None:
    """`Last-Event-ID` says where; what comes twice is told once, what comes late is told."""
    server.streams = [
        streams(START, frame("snapshot", job(), 3), update(5, "claimed", "processing"), ends=ends),
        streams(
            START,
            update(5, "claimed", "processing"),
            update(4, "touched", "processing"),
            update(6, "completed", "completed"),
            END,
        ),
    ]
    updates = await face.do("watch", id=JOB_ID)
    assert [one["eventId"] for one in updates] == [3, 5, 4, 6]
    asked = [one.headers.get("last-event-id") for one in server.seen]
    assert asked == [None, "5"]


async def test_a_watch_can_go_on_where_another_ended(face: Face, server: Scripted) -> None:
    """With the number of the event that was seen last."""
    server.streams = [streams(START, update(8, "completed", "completed"), END)]
    updates = await face.do("watch", id=JOB_ID, last_event_id=7)
    assert told(updates) == [("completed", 8, "completed")]
    assert server.seen[0].headers["last-event-id"] == "7"


async def test_a_server_that_stops_is_no_end(face: Face, server: Scripted) -> None:
    """The next one goes on; a snapshot that says nothing new is not told again."""
    server.streams = [
        streams(START, frame("snapshot", job(), 3), frame("end", {"reason": "shutdown"})),
        refuses(503, "database_unavailable", True),
        streams(
            START,
            frame("resync", {"reason": "too old"}),
            frame("snapshot", job(), 9),
            frame("snapshot", DONE, 12),
            END,
        ),
    ]
    updates = await face.do("watch", id=JOB_ID)
    assert told(updates) == [("snapshot", 3, "queued"), ("snapshot", 12, "completed")]
    assert server.looks == []


async def test_a_restart_of_the_server_loses_no_event(face: Face, server: Scripted) -> None:
    """However often it is asked meanwhile: a server that is away is no reason to poll."""
    away = refuses(503, "database_unavailable", True, retryAfterMs=20)
    server.streams = [
        streams(START, frame("snapshot", job(), 3), frame("end", {"reason": "shutdown"})),
        away, page(502), away, away, away,
        streams(
            START, update(4, "claimed", "processing"), update(5, "completed", "completed"), END
        ),
    ]  # fmt: skip
    updates = await face.do("watch", id=JOB_ID)
    assert [one["eventId"] for one in updates] == [3, 4, 5]
    assert [one.headers.get("last-event-id") for one in server.seen] == [None] + ["3"] * 6
    assert server.looks == []


async def test_a_server_that_stays_away_ends_the_watch(face: Face, server: Scripted) -> None:
    """After the time that was given, with the last word of the server."""
    face.patience = {"total": 2.5}
    server.streams = [refuses(503, "database_unavailable", True, retryAfterMs=20)]
    with pytest.raises(Said) as said:
        await face.do("watch", id=JOB_ID)
    assert said.value.facts["code"] == "database_unavailable"
    assert len(server.seen) >= 2


async def test_a_final_event_that_was_behind_is_read(face: Face, server: Scripted) -> None:
    """204: there is nothing more to come, and the state is asked for."""
    server.streams = [
        streams(START, frame("snapshot", job(), 3)),
        streams(status=204),
    ]
    server.steps = [says(DONE)]
    updates = await face.do("watch", id=JOB_ID)
    assert told(updates) == [("snapshot", 3, "queued"), ("snapshot", None, "completed")]


async def test_an_update_without_a_job_is_looked_up(face: Face, server: Scripted) -> None:
    """An event that cannot be read ends nothing either."""
    bare = {"eventId": 4, "kind": "completed", "promptJobId": JOB_ID, "data": {}}
    server.streams = [
        streams(
            START, frame("snapshot", job(), 3), "data: {nonsense\n\n", frame("new", {"a": 1}),
            frame("update", bare, 4), END,
        )
    ]  # fmt: skip
    server.steps = [says(DONE)]
    updates = await face.do("watch", id=JOB_ID)
    assert told(updates) == [("snapshot", 3, "queued"), ("completed", 4, "completed")]


@pytest.mark.parametrize(
    "missing",
    [ROUTE_MISSING, page(404), refuses(405, "method_not_allowed"), page(501), page(200)],
    ids=["our 404", "404 of a proxy", "405", "501", "a page"],
)
async def test_without_the_route_a_job_is_polled(
    face: Face, server: Scripted, missing: Step
) -> None:
    """Each version is told once; long polls name the version that is known."""
    server.streams = [missing]
    server.steps = [
        says(job(), ETag='W/"1"'),
        says(job("processing", partialPrompt="Te"), ETag='W/"2"'),
        says(job("processing", partialPrompt="Te"), ETag='W/"2"'),
        says(DONE, ETag='W/"3"'),
    ]
    updates = await face.do("watch", id=JOB_ID)
    assert told(updates) == [
        ("snapshot", None, "queued"),
        ("changed", None, "processing"),
        ("changed", None, "completed"),
    ]
    assert {one["via"] for one in updates} == {"poll"}
    assert len(server.requests("/events")) == 1
    assert [one.headers.get("if-none-match") for one in server.looks] == [
        None, 'W/"1"', 'W/"2"', 'W/"2"',
    ]  # fmt: skip
    assert ["wait" in one.query for one in server.looks] == [False, True, True, True]


async def test_polling_keeps_the_pace_that_the_server_asks_for(
    face: Face, server: Scripted
) -> None:
    """A 304 that comes at once is from a server that does not hold answers."""

    async def unchanged(request: Any) -> Any:
        return await says(None, 304, Retry_After="1")(request)

    server.streams = [ROUTE_MISSING]
    server.steps = [says(job(), ETag='"1"'), unchanged, says(DONE)]
    await face.do("watch", id=JOB_ID)
    _, second, third = server.looks
    assert third.at - second.at >= ALMOST_A_SECOND


@pytest.mark.parametrize(
    "stuck", [hangs, streams(ends="stay")], ids=["no answer", "a head and no body"]
)
async def test_a_stream_that_is_held_back_on_its_way_is_given_up(
    face: Face, server: Scripted, stuck: Step
) -> None:
    """A proxy that collects streams is noticed by what does not come."""
    face.patience = {"first_byte": 1.0}
    server.streams = [stuck]
    server.steps = [says(DONE)]
    assert told(await face.do("watch", id=JOB_ID)) == [("snapshot", None, "completed")]
    assert len(server.requests("/events")) == 1


async def test_a_stream_that_falls_silent_is_opened_again(face: Face, server: Scripted) -> None:
    """Signs of life come every 15 seconds, or the line is dead."""
    face.patience = {"silence": 1.0}
    server.streams = [
        streams(START, frame("snapshot", job(), 3), ends="stay"),
        streams(START, update(4, "completed", "completed"), END),
    ]
    assert [one["eventId"] for one in await face.do("watch", id=JOB_ID)] == [3, 4]


async def test_streams_that_break_again_and_again_are_left(face: Face, server: Scripted) -> None:
    """Three that bring nothing new, and the job is polled."""
    server.streams = [streams(START, frame("snapshot", job(), 3), ends="abort")]
    server.steps = [says(DONE)]
    updates = await face.do("watch", id=JOB_ID)
    assert told(updates) == [("snapshot", 3, "queued"), ("changed", None, "completed")]
    assert 3 <= len(server.requests("/events")) <= 4


@pytest.mark.parametrize(
    ("refused", "name"),
    [
        (refuses(404, "job_not_found"), "NotFound"),
        (refuses(401, "unauthorized"), "Unauthorized"),
        (refuses(422, "invalid_id"), "InvalidRequest"),
    ],
    ids=["404", "401", "422"],
)
async def test_a_refusal_ends_the_watch(
    face: Face, server: Scripted, refused: Step, name: str
) -> None:
    """Polling would be refused as well."""
    server.streams = [refused]
    with pytest.raises(Said) as said:
        await face.do("watch", id=JOB_ID)
    assert said.value.name == name
    assert len(server.seen) == 1


async def test_a_real_server_is_watched_to_the_end(
    face: Face, studio: Api, demo: UUID, store: PromptStore
) -> None:
    """Whether it has streams or not: first how it stands, last how it ended."""
    job_id = await studio.queued(demo)
    watching = asyncio.create_task(face.do("watch", id=job_id))
    assert await complete(store) == job_id
    updates = await watching
    assert updates[-1]["job"]["generatedPrompt"] == "Make the sky teal."
    assert [one["isFinal"] for one in updates].count(True) >= 1
    assert updates[0]["kind"] == "snapshot"


async def test_a_real_job_that_is_not_there_cannot_be_watched(face: Face, studio: Api) -> None:
    """With the server's own word."""
    with pytest.raises(Said) as said:
        await face.do("watch", id=str(uuid4()))
    assert said.value.facts["code"] == "job_not_found"


async def test_waiting_ends_with_the_job(
    face: Face, studio: Api, demo: UUID, store: PromptStore
) -> None:
    """The server holds the answer; the job comes back as it ended."""
    job_id = await studio.queued(demo)
    waiting = asyncio.create_task(face.do("wait", id=job_id, timeout=60))
    assert await complete(store) == job_id
    assert (await waiting)["status"] == "completed"


async def test_waiting_ends_with_its_time(face: Face, studio: Api, demo: UUID) -> None:
    """The error has the job as it was seen last."""
    job_id = await studio.queued(demo)
    with pytest.raises(Said) as late:
        await face.do("wait", id=job_id, timeout=1.0)
    assert late.value.name == "TimedOut"
    assert late.value.facts["job"]["status"] == "queued"


async def test_waiting_survives_a_restart_of_the_server(face: Face, server: Scripted) -> None:
    """And asks no faster than it is told, where answers are not held."""
    server.steps = [
        says(job(nextPollMs=1000)), page(502), refuses(503, "database_unavailable", True),
        says(DONE),
    ]  # fmt: skip
    assert (await face.do("wait", id=JOB_ID))["status"] == "completed"
    first, second, *_ = server.seen
    assert second.at - first.at >= ALMOST_A_SECOND
    assert float(first.query["wait"]) == 25.0


async def test_a_picture_job_is_watched_too(face: Face, server: Scripted) -> None:
    """On its own route, to its own last words."""
    done = {"jobId": JOB_ID, "status": "succeeded", "pictures": [{"number": 1, "status": "x"}]}
    event = {"eventId": 7, "kind": "picture_succeeded", "jobId": JOB_ID, "data": {}, "job": done}
    server.streams = [streams(START, frame("update", event, 7), END)]
    updates = await face.do("jobs.watch", id=JOB_ID)
    assert told(updates) == [("picture_succeeded", 7, "succeeded")]
    assert server.seen[0].path == f"/api/jobs/{JOB_ID}/events"


async def test_a_watcher_who_leaves_closes_the_stream(tmp_path: Path) -> None:
    """Also in the middle: the server sees the line end, and Node has nothing left to do."""
    node_or_skip()
    left = asyncio.Event()

    async def stays(request: Any) -> Any:
        try:
            return await streams(START, frame("snapshot", job(), 3), ends="stay")(request)
        finally:
            left.set()

    async def has_left() -> bool:
        return left.is_set()

    def look() -> None:
        with PromptQueue(server.url) as queue:
            for _ in queue.watch(JOB_ID):
                break

    async with scripted() as server:
        server.streams = [stays]
        await asyncio.to_thread(look)
        await until(has_left)
        left.clear()
        async with AsyncPromptQueue(server.url) as queue:
            updates = queue.watch(JOB_ID)
            await anext(updates)
            await updates.aclose()
            await until(has_left)
        left.clear()
        shutil.copyfile(MODULE, tmp_path / "prompt-queue.mjs")
        script = tmp_path / "leave.mjs"
        script.write_text(
            "import { PromptQueue } from './prompt-queue.mjs'\n"
            f"const queue = new PromptQueue({{ baseUrl: '{server.url}' }})\n"
            f"for await (const update of queue.watch('{JOB_ID}')) break\n"
        )
        await node(str(script))
        await until(has_left)
