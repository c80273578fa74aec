"""A whole worker whose line to the database is cut once, on either side of each statement."""

from uuid import UUID

import pytest
from lab.proxy.postgres import PostgresProxy, When

from prompt_queue.jobs.job import Status
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.testing import PictureServer, StandIn
from tests.conftest import until
from tests.photographs import plain
from tests.proxy.conftest import enqueue, kinds, settled
from tests.worker.conftest import SettingsFactory, running

STATEMENTS = (
    "claim_prompt_jobs",
    "begin_provider_calls",
    "end_provider_calls",
    "settle_prompt_jobs",
    "heartbeat_prompt_jobs",
    "free_expired_prompt_leases",
)


@pytest.mark.parametrize("when", list(When), ids=lambda when: when.name.lower())
@pytest.mark.parametrize("statement", STATEMENTS)
async def test_the_job_is_paid_once_and_completes_once(
    database: Database,
    proxy: PostgresProxy,
    proxied: Database,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
    statement: str,
    when: When,
) -> None:
    """One call to Grok, in the ledger with its answer, and one completion, without a retry."""
    # A heartbeat renews only the leases that are held when it beats.
    xai_stand_in.settings(latency_seconds=1.5 if "heartbeat" in statement else 0.1)
    job_id = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
    trap = proxy.trap(statement, when)

    async def sprung() -> bool:
        return trap.sprung

    async with running(make_settings(lease_seconds=2, models="grok-4.7"), proxied):
        await until(sprung)
        job = await settled(database, job_id)
    assert (job.status, job.retry_count) == (Status.COMPLETED, 0)
    assert (await kinds(database, job_id)).count("completed") == 1
    (call,) = await PromptStore(database).calls(job_id)
    assert (call["state"], call["http_status"]) == ("answered", 200)
    assert len(xai_stand_in.calls()) == 1
