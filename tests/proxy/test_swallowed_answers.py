"""The same cuts as a client of the HTTP API lives through them."""

from pathlib import Path
from uuid import UUID

import pytest
from lab.proxy.postgres import PostgresProxy, When

from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from tests.api.running import PHOTO, QUEUE, running
from tests.proxy.conftest import enqueue, kinds


@pytest.mark.parametrize("when", list(When), ids=lambda when: when.name.lower())
async def test_a_repeated_request_with_its_key_gets_the_one_job(
    database: Database, proxy: PostgresProxy, demo: UUID, tmp_path: Path, when: When
) -> None:
    """503 with Retry-After says to ask again; asking again with the same key is safe."""
    request = {
        "json": {"rowId": str(demo), "targetUrl": PHOTO},
        "headers": {"Idempotency-Key": "once"},
    }
    async with running(proxy.dsn, tmp_path) as api:
        trap = proxy.trap("^commit", when)
        lost = await api.post(QUEUE, **request)
        assert trap.sprung
        assert (lost.status, lost.body["code"]) == (503, "database_unavailable")
        assert lost.body["retryable"]
        assert "may have counted: repeat it with the same Idempotency-Key" in lost.body["detail"]
        assert int(lost.headers["Retry-After"]) >= 1
        again = await api.post(QUEUE, **request)
    assert again.status == 202
    assert ("Idempotency-Replayed" in again.headers) == (when is When.AFTER)
    assert (await PromptStore(database).stats()).total_queued == 1
    assert await kinds(database, UUID(again.body["promptJobId"])) == ["queued"]


@pytest.mark.parametrize("when", list(When), ids=lambda when: when.name.lower())
async def test_a_cancel_is_answered_although_the_line_broke(
    database: Database, proxy: PostgresProxy, demo: UUID, tmp_path: Path, when: When
) -> None:
    """The client is told that the job is cancelled, which it is, once."""
    job_id = await enqueue(database, demo)
    async with running(proxy.dsn, tmp_path) as api:
        trap = proxy.trap("cancel_prompt_job", when)
        reply = await api.call("DELETE", f"{QUEUE}/{job_id}")
    assert trap.sprung
    assert (reply.status, reply.body["status"]) == (200, "cancelled")
    assert await kinds(database, job_id) == ["queued", "cancelled"]


async def test_without_a_key_the_answer_says_that_the_job_may_be_there(
    database: Database, proxy: PostgresProxy, demo: UUID, tmp_path: Path
) -> None:
    """The insert was committed, nobody knows, and the text promises neither."""
    async with running(proxy.dsn, tmp_path) as api:
        proxy.trap("^commit", When.AFTER)
        lost = await api.post(QUEUE, json={"rowId": str(demo), "targetUrl": PHOTO})
    assert (lost.status, lost.body["code"]) == (503, "database_unavailable")
    assert "or look first" in lost.body["detail"]
    assert (await PromptStore(database).stats()).total_queued == 1
