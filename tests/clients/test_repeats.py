"""Requests are sent again while that is safe, worth it and in time, and never twice as two."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from tests.api.running import PHOTO, Api
from tests.clients.faces import Face, Said
from tests.clients.scripted import (
    JOB_ID,
    Scripted,
    drops,
    hangs,
    job,
    page,
    refuses,
    says,
)

# Node sets its timers by another clock than the loop of the server.
ALMOST_A_SECOND = 0.95
ROW = "00000000-0000-4000-a000-000000000003"


@asynccontextmanager
async def losing_first_answer(target: str) -> AsyncIterator[str]:
    """A proxy before a server: the first answer never gets through; gives its address."""
    there = urlsplit(target)
    lost = False
    passing: set[asyncio.Task[None]] = set()

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, back: bool) -> None:
        nonlocal lost
        try:
            while data := await source.read(65536):
                if back and not lost:
                    lost = True
                    break
                sink.write(data)
                await sink.drain()
        finally:
            sink.transport.abort()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beyond, onward = await asyncio.open_connection(there.hostname, there.port)
        both = asyncio.gather(copy(reader, onward, False), copy(beyond, writer, True))
        task = asyncio.ensure_future(both)
        passing.add(task)
        await asyncio.gather(task, return_exceptions=True)
        passing.discard(task)

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        proxy.close()
        for task in list(passing):
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)


async def test_a_lost_answer_makes_no_second_job(face: Face, studio: Api, demo: UUID) -> None:
    """The request is sent again under its key, and the server answers what it answered before."""
    async with losing_first_answer(studio.url) as proxy:
        face.base_url = proxy
        queued = await face.do("enqueue", row_id=str(demo), target_url=PHOTO)
        face.base_url = studio.url
        jobs = await face.do("list")
    assert [one["promptJobId"] for one in jobs] == [queued["promptJobId"]]


async def test_the_key_is_kept_over_repeats_and_new_for_each_call(
    face: Face, server: Scripted
) -> None:
    """Each call makes its own; a key of the caller's is sent as it is."""
    server.steps = [drops, refuses(503, "database_unavailable", True), says(job(), 202)]
    for _ in range(2):
        await face.do("enqueue", row_id=ROW, target_url=PHOTO)
    await face.do("enqueue", row_id=ROW, target_url=PHOTO, idempotency_key="mine")
    first, second, third, other, mine = (one.headers["idempotency-key"] for one in server.seen)
    assert first == second == third != other
    assert mine == "mine"
    bodies = [json.loads(one.body) for one in server.seen]
    assert bodies == [{"rowId": ROW, "targetUrl": PHOTO}] * 5


async def test_a_retry_whose_answer_was_lost_is_no_conflict(face: Face, server: Scripted) -> None:
    """The repeat finds a job that waits again already: that is what was asked for."""
    server.steps = [drops, refuses(409, "not_failed"), says(job("queued"))]
    assert (await face.do("retry", id=JOB_ID))["status"] == "queued"
    assert [one.method for one in server.seen] == ["POST", "POST", "GET"]


async def test_a_retry_of_a_job_that_has_not_failed_is_a_conflict(
    face: Face, server: Scripted
) -> None:
    """Nothing was lost, so the server's word stands."""
    server.steps = [refuses(409, "not_failed")]
    with pytest.raises(Said) as refused:
        await face.do("retry", id=JOB_ID)
    assert (refused.value.name, len(server.seen)) == ("Conflict", 1)


async def test_what_must_not_arrive_twice_is_sent_once(face: Face, server: Scripted) -> None:
    """The server has no memory for rows: whether this one counted is told, not guessed."""
    server.steps = [drops]
    with pytest.raises(Said) as refused:
        await face.do("rows.create", target_url=PHOTO)
    assert (refused.value.name, refused.value.facts["sent"]) == ("Unreachable", True)
    assert len(server.seen) == 1


async def test_retry_after_is_honoured(face: Face, server: Scripted) -> None:
    """Not a moment earlier than the server asked for."""
    server.steps = [refuses(429, "rate_limited", True, retry_after="1"), says({})]
    await face.do("stats")
    first, second = server.seen
    assert second.at - first.at >= ALMOST_A_SECOND


async def test_retry_after_is_capped(face: Face, server: Scripted) -> None:
    """A server that asks for an hour does not hold a program for an hour."""
    face.patience = {"longest_retry_after": 0.1}
    server.steps = [refuses(503, "database_unavailable", True, retryAfterMs=3600_000), says({})]
    await face.do("stats")
    assert len(server.seen) == 2


async def test_a_call_ends_with_its_deadline(face: Face, server: Scripted) -> None:
    """The last answer is what is raised, after more than one attempt."""
    face.patience = {"total": 2.5}
    server.steps = [refuses(503, "database_unavailable", True)]
    before = time.monotonic()
    with pytest.raises(Said) as refused:
        await face.do("stats")
    assert (refused.value.name, refused.value.facts["code"]) == (
        "Unavailable",
        "database_unavailable",
    )
    assert len(server.seen) >= 2
    assert time.monotonic() - before < 30


async def test_a_pause_that_would_miss_the_deadline_is_not_begun(
    face: Face, server: Scripted
) -> None:
    """Waiting for nothing helps nobody."""
    face.patience = {"total": 5.0}
    server.steps = [refuses(503, "database_unavailable", True, retry_after="60")]
    with pytest.raises(Said):
        await face.do("stats")
    assert len(server.seen) == 1


async def test_silence_ends_too(face: Face, server: Scripted) -> None:
    """An attempt that brings nothing is given up, and so is the call."""
    face.patience = {"attempt": 0.7, "total": 3.0}
    server.steps = [hangs]
    with pytest.raises(Said) as refused:
        await face.do("get", id=JOB_ID)
    assert refused.value.name == "TimedOut"
    assert len(server.seen) >= 2


async def test_a_closed_port_is_unreachable(face: Face) -> None:
    """Nothing was sent, and the deadline holds here too."""
    face.patience = {"total": 0.5}
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        face.base_url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(Said) as refused:
            await face.do("stats")
    assert (refused.value.name, refused.value.facts["sent"]) == ("Unreachable", False)


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_proxy_without_a_server_behind_it_is_asked_again(
    face: Face, server: Scripted, status: int
) -> None:
    """HTML of a gateway means a restart, usually."""
    server.steps = [page(status), page(status), says({"totalQueued": 4})]
    assert (await face.do("stats"))["totalQueued"] == 4


@pytest.mark.parametrize(("status", "code"), [(500, "internal_error"), (503, "no_provider")])
async def test_what_the_server_calls_final_is_not_asked_again(
    face: Face, server: Scripted, status: int, code: str
) -> None:
    """`retryable` decides, not the status."""
    server.steps = [refuses(status, code)]
    with pytest.raises(Said) as refused:
        await face.do("stats")
    assert (refused.value.name, len(server.seen)) == ("Unavailable", 1)
