"""Workers and cron passes look whether an alert rule fires."""

from uuid import UUID

import asyncpg
import structlog

from prompt_queue.jobs.alerts import read_thresholds
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.alert_store import AlertStore
from prompt_queue.store.database import Database
from prompt_queue.store.intake import Intake, NewJob
from prompt_queue.worker.alert_watch import AlertWatch
from prompt_queue.worker.run import build_tick
from tests.worker.conftest import SettingsFactory

TARGET = "https://images.example.com/portrait.jpg"


async def test_a_look_tells_what_began_and_what_is_over(
    database: Database, direct_url: str, demo: UUID, make_settings: SettingsFactory
) -> None:
    """One line of the log each, with the value, the threshold and what to do."""
    settings = make_settings(alert_thresholds=("depth=0", "no_worker=0"))
    thresholds = read_thresholds(settings.alert_thresholds)
    watch = AlertWatch.on(database, thresholds, settings.local_user_id)
    await Intake(database).enqueue(NewJob(row_id=demo, target_url=TARGET, user_id=DEMO_USER_ID))
    connection = await asyncpg.connect(direct_url)
    with structlog.testing.capture_logs() as lines:
        assert [change.name for change in await watch.look()] == ["depth"]
        # Who comes right afterwards leaves it to the first.
        assert await watch.look() == []
        # A count on a machine that is busy may have been slow enough to be kept.
        await connection.execute("delete from prompt_job_queue; delete from prompt_queue_counted")
        await connection.execute(
            "update prompt_queue_alerts set last_seen = now() - interval '1 minute'; "
            "delete from prompt_queue_singletons"
        )
        assert [change.change for change in await watch.look()] == ["resolved"]
    await connection.close()
    told = [line for line in lines if line["event"].startswith("alert.")]
    assert [(line["event"], line["name"], line["value"]) for line in told] == [
        ("alert.firing", "depth", 1),
        ("alert.resolved", "depth", 1),
    ]
    assert "start more" in told[0]["sentence"]


async def test_a_cron_pass_looks_too(database: Database, make_settings: SettingsFactory) -> None:
    """Where no worker runs, the pass keeps the alerts."""
    tick = build_tick(make_settings(alert_thresholds=("horizon=0", "depth=0")), database)
    assert tick is not None
    holder = await asyncpg.connect(database.dsn, statement_cache_size=0)
    async with holder.transaction(isolation="repeatable_read"):
        await holder.fetchval("select count(*) from jobs")
        await tick(0.1)
        assert ("horizon", "") in await AlertStore(database).since()
    await holder.close()
