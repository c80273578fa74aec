"""Each alert produced on purpose, and the memory of when it began and ended."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from prompt_queue.jobs.alerts import Alert, firing
from prompt_queue.settings import DEMO_MODEL_ID, DEMO_ROW_ID, DEMO_USER_ID
from prompt_queue.store.alert_store import AlertStore
from prompt_queue.store.database import Database
from prompt_queue.store.measure_store import MeasureStore
from tests.conftest import until

JOB = (
    "insert into prompt_generation_jobs (row_id, model_id, user_id, target_url, status, "
    f"generated_prompt, source) select '{DEMO_ROW_ID}', '{DEMO_MODEL_ID}', '{DEMO_USER_ID}', "
)
QUEUED = JOB + "'https://e.com/t', 'queued', null, null; "
OPEN = (
    "insert into prompt_model_health (model, state, cause, opened_at) "
    "values ('grok-4.7', 'open', '{}', clock_timestamp() - interval '{}')"
)
TRIES = (
    "with message as (insert into webhook_messages (user_id, url, type, subject, payload) "
    f"values ('{DEMO_USER_ID}', 'https://e.com', 'prompt.failed', gen_random_uuid(), '{{}}') "
    "returning id) "
    "insert into webhook_tries (message_id, number, at, milliseconds, status, error) "
    "select m.id, n, now() - n * interval '1 minute', 5, case when n > 8 then 204 else 500 end, "
    "case when n > 8 then null else 'It answered 500.' end from message m, generate_series(1, 12) n"
)
COVERAGE = (
    "insert into prompt_promise_tally (at, kind, kept, scored) "
    "values (now() - interval '1 hour', 'done', 30, 40), (now(), 'done', 0, 20), "
    "(now() - interval '2 days', 'done', 1000, 1000)"
)
DEAD = (
    "alter table provider_calls set (autovacuum_enabled = false); begin; "
    "insert into provider_calls (call_id, job_id, user_id, model) select gen_random_uuid(), "
    "gen_random_uuid(), gen_random_uuid(), 'm' from generate_series(1, 60000); rollback"
)
ON_PURPOSE = {
    "depth": (QUEUED, ""),
    "oldest": (
        QUEUED + "update prompt_job_queue set enqueued_at = now() - interval '10 minutes'", ""
    ),
    "error_rate": (
        "insert into prompt_queue_tally (at, status, jobs) "
        "values (now(), 'completed', 8), (now(), 'failed', 2)", ""
    ),
    "processing": (
        "insert into prompt_queue_tally (at, status, jobs, measured, processing_seconds) "
        "values (now(), 'completed', 2, 2, 200)", ""
    ),
    "templates": (
        JOB + "'https://e.com/t', 'completed', 'Blue.', 'template' from generate_series(1, 10); "
        "insert into prompt_job_events (job_id, user_id, kind, data) "
        "select id, user_id, 'completed', jsonb_build_object('source', source) "
        "from prompt_generation_jobs", ""
    ),
    "no_worker": (QUEUED, ""),
    "out_of_credit": (OPEN.format("out_of_credit", "1 second"), "grok-4.7"),
    "breaker_open": (OPEN.format("server_error", "10 minutes"), "grok-4.7"),
    "webhooks": (TRIES, ""),
    "promises": (COVERAGE, "done"),
    "dead_rows": (DEAD, "provider_calls"),
}  # fmt: skip
THRESHOLDS = {"depth": 0.0}
ALERT = Alert("depth", "", 12.0, 10.0, "12 prompts wait.")


@pytest.fixture
async def sql(direct_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the test's own database, past the pooler."""
    connection = await asyncpg.connect(direct_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("name", ON_PURPOSE)
async def test_each_alert_fires_for_what_it_watches(
    database: Database, direct_url: str, demo: UUID, name: str
) -> None:
    """What the rule names is done to a real database, and a look finds it."""
    connection = await asyncpg.connect(direct_url)
    statements, about = ON_PURPOSE[name]
    await connection.execute(statements)
    # A session that ends leaves its counts of dead rows at once.
    await connection.close()

    async def found() -> Alert | None:
        alerts = firing(await MeasureStore(database).measures(), THRESHOLDS)
        return next((alert for alert in alerts if alert.name == name), None)

    alert = await until(found, every=0.2)
    assert isinstance(alert, Alert)
    assert alert.about == about


async def test_an_alert_begins_once_and_ends_once(
    database: Database, sql: asyncpg.Connection
) -> None:
    """It is told when it begins and when it is over; in between its value is kept."""
    store = AlertStore(database)
    (begun,) = await store.note([ALERT], None)
    assert (begun.change, begun.name, begun.value) == ("firing", "depth", 12.0)
    assert await store.note([replace(ALERT, value=15.0)], None) == []
    assert await store.since() == {("depth", ""): begun.since}
    assert await store.note([], None) == []
    await sql.execute("update prompt_queue_alerts set last_seen = now() - interval '31 seconds'")
    (over,) = await store.note([], None)
    assert (over.change, over.value, over.since) == ("resolved", 15.0, begun.since)
    assert await store.since() == {}
    (again,) = await store.note([ALERT], None)
    assert again.since > begun.since


async def test_two_models_are_two_alerts(database: Database) -> None:
    """One ends while the other goes on."""
    store = AlertStore(database)
    models = [replace(ALERT, name="breaker_open", about=model) for model in ("a", "b")]
    assert len(await store.note(models, None)) == 2
    assert {about for _, about in await store.since()} == {"a", "b"}


async def test_many_who_look_tell_it_once(database: Database) -> None:
    """Of all who find the same alert at the same time, one tells of it."""
    store = AlertStore(database)
    told = await asyncio.gather(*(store.note([ALERT], None) for _ in range(6)))
    assert len([change for changes in told for change in changes]) == 1


async def test_what_began_and_what_is_over_are_webhooks(
    database: Database, sql: asyncpg.Connection
) -> None:
    """Where the database can send webhooks, both messages of an alert have one subject."""
    arguments = "(p_user_id uuid, p_type text, p_subject uuid, p_payload jsonb)"
    await sql.execute(
        f"drop function if exists public.enqueue_webhook(uuid, text, uuid, jsonb); "
        "create table told (type text, subject uuid, payload jsonb); "
        f"create function public.enqueue_webhook{arguments} returns int language sql as "
        "$$ insert into public.told values (p_type, p_subject, p_payload) returning 1 $$"
    )
    store = AlertStore(database)
    await store.note([ALERT], DEMO_USER_ID)
    await sql.execute("update prompt_queue_alerts set last_seen = now() - interval '31 seconds'")
    await store.note([], DEMO_USER_ID)
    told: list[Any] = await sql.fetch("select type, subject, payload ->> 'name' as name from told")
    assert [(row["type"], row["name"]) for row in told] == [
        ("alert.firing", "depth"),
        ("alert.resolved", "depth"),
    ]
    assert len({row["subject"] for row in told}) == 1
