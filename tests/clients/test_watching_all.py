"""Watching all jobs: by the stream, over its breaks, or by the lists where none comes through."""

from typing import Any
from uuid import UUID

import pytest

from prompt_queue.store.prompt_store import PromptStore
from tests.api.running import Api, complete
from tests.clients.faces import Face, Said
from tests.clients.scripted import JOB_ID, Scripted, frame, job, page, refuses, says, streams

OTHER = JOB_ID[:-1] + "1"
PICTURE = JOB_ID[:-1] + "2"
START = "retry: 20\n\n"
PAINTED = {"jobId": PICTURE, "status": "succeeded", "updatedAt": "2026-11-26T10:00:09Z"}


def other(status: str = "queued", **more: Any) -> dict[str, Any]:
    return job(status, **more) | {"promptJobId": OTHER}


def happened(number: int, kind: str, **subject: str) -> str:
    """The frame of an event of all jobs: it names its job and does not describe it."""
    data = {"eventId": number, "kind": kind, "data": {"n": number}} | subject
    return frame("update", data, number)


def told(updates: list[dict[str, Any]]) -> list[tuple[str, int | None, str, str]]:
    """Kind, number, last digit of the job and state of each."""
    return [
        (one["kind"], one["eventId"], _id(one["job"])[-1], one["job"]["status"]) for one in updates
    ]


def _id(found: dict[str, Any]) -> str:
    return str(found.get("jobId") or found["promptJobId"])


def lists(prompts: list[Any], pictures: list[Any]) -> list[Any]:
    """The answers to one look at both lists."""
    return [says({"data": prompts, "hasMore": False}), says({"data": pictures, "hasMore": False})]


async def test_every_job_is_told_of(face: Face, server: Scripted) -> None:
    """How the open ones stand, then what happens to any of them, with the job as it is then."""
    server.streams = [
        streams(
            START,
            ": alive\n\n",
            frame("snapshot", {"promptJobs": [job()], "jobs": []}, 3),
            happened(4, "queued", promptJobId=OTHER),
            happened(5, "picture_succeeded", jobId=PICTURE),
            ends="stay",
        )
    ]
    server.steps = [says(other()), says(PAINTED)]
    updates = await face.do("watch_all", take=3)
    assert told(updates) == [
        ("snapshot", 3, JOB_ID[-1], "queued"),
        ("queued", 4, "1", "queued"),
        ("picture_succeeded", 5, "2", "succeeded"),
    ]
    assert [one["isFinal"] for one in updates] == [False, False, True]
    assert (updates[1]["data"], updates[1]["via"]) == ({"n": 4}, "stream")
    assert [one.path for one in server.seen] == [
        "/api/events", f"/api/prompt/queue/{OTHER}", f"/api/jobs/{PICTURE}",
    ]  # fmt: skip


@pytest.mark.parametrize("ends", ["close", "abort"])
async def test_a_break_loses_and_doubles_nothing(face: Face, server: Scripted, ends: str) -> None:
    """`Last-Event-ID` says where; what comes twice is told once, what comes late is told."""
    server.streams = [
        streams(
            START, frame("snapshot", {"promptJobs": [job()], "jobs": []}, 3),
            happened(5, "claimed", promptJobId=JOB_ID), ends=ends,
        ),
        streams(
            START, happened(5, "claimed", promptJobId=JOB_ID),
            happened(4, "touched", promptJobId=JOB_ID),
            happened(6, "completed", promptJobId=JOB_ID), ends="stay",
        ),
    ]  # fmt: skip
    server.steps = [says(job("processing")), says(job("completed"))]
    updates = await face.do("watch_all", take=4)
    assert [one["eventId"] for one in updates] == [3, 5, 4, 6]
    asked = [one.headers.get("last-event-id") for one in server.requests("/api/events")]
    assert asked == [None, "5"]
    # What came together is looked up once.
    assert len(server.looks) <= 3


async def test_it_can_go_on_where_another_ended(face: Face, server: Scripted) -> None:
    """With the number of the event that was seen last; a job that was deleted is passed over."""
    server.streams = [
        streams(
            START, happened(8, "failed", promptJobId=OTHER),
            happened(9, "completed", promptJobId=JOB_ID), ends="stay",
        )
    ]  # fmt: skip
    server.steps = [refuses(404, "job_not_found"), says(job("completed"))]
    updates = await face.do("watch_all", last_event_id=7, take=1)
    assert told(updates) == [("completed", 9, JOB_ID[-1], "completed")]
    assert server.seen[0].headers["last-event-id"] == "7"


async def test_what_ended_unseen_is_told(face: Face, server: Scripted) -> None:
    """A snapshot after a break that lacks a job tells that it has ended."""
    server.streams = [
        streams(START, frame("snapshot", {"promptJobs": [job(), other()], "jobs": []}, 3)),
        streams(
            START, frame("resync", {"reason": "too_old"}),
            frame("snapshot", {"promptJobs": [other()], "jobs": []}, 90), ends="stay",
        ),
    ]  # fmt: skip
    server.steps = [says(job("completed"))]
    updates = await face.do("watch_all", take=3)
    assert told(updates) == [
        ("snapshot", 3, JOB_ID[-1], "queued"),
        ("snapshot", 3, "1", "queued"),
        ("snapshot", None, JOB_ID[-1], "completed"),
    ]


async def test_without_a_stream_the_lists_are_read(face: Face, server: Scripted) -> None:
    """What had ended before is no news; what changes, comes, or falls off the page is."""
    later = "2026-11-26T10:00:05Z"
    old = job("completed") | {"promptJobId": JOB_ID[:-1] + "3"}
    server.streams = [page(404)]
    server.steps = [
        *lists([other(), job(), old], []),
        *lists([other("processing", updatedAt=later)], [PAINTED]),
        says(job("completed", updatedAt=later)),
    ]
    updates = await face.do("watch_all", take=5)
    assert told(updates) == [
        ("snapshot", None, JOB_ID[-1], "queued"),
        ("snapshot", None, "1", "queued"),
        ("changed", None, JOB_ID[-1], "completed"),
        ("changed", None, "1", "processing"),
        ("changed", None, "2", "succeeded"),
    ]
    assert {one["via"] for one in updates} == {"poll"}
    assert len(server.requests("/api/events")) == 1


async def test_who_may_not_watch_is_told(face: Face, server: Scripted) -> None:
    """Polling would be refused as well."""
    server.streams = [refuses(401, "unauthorized")]
    with pytest.raises(Said) as said:
        await face.do("watch_all", take=1)
    assert (said.value.name, len(server.seen)) == ("Unauthorized", 1)


async def test_a_real_server_tells_of_all_jobs(
    face: Face, studio: Api, demo: UUID, store: PromptStore
) -> None:
    """How an open one stands, and what happened after an event that was seen."""
    job_id = await studio.queued(demo)
    (snapshot,) = await face.do("watch_all", take=1)
    assert (snapshot["kind"], snapshot["job"]["promptJobId"]) == ("snapshot", job_id)
    assert await complete(store) == job_id
    updates = await face.do("watch_all", last_event_id=snapshot["eventId"], take=2)
    assert [one["kind"] for one in updates] == ["claimed", "completed"]
    assert {one["job"]["promptJobId"] for one in updates} == {job_id}
    assert [one["isFinal"] for one in updates] == [True, True]
