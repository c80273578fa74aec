"""GET /metrics and the alerts of GET /api/health, on a real database."""

from pathlib import Path
from uuid import UUID

import asyncpg
from prometheus_client.parser import text_string_to_metric_families

from prompt_queue.api.exposition import METRICS, TIMES
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.worker_store import WorkerStore
from tests.api.conftest import CRON_SECRET
from tests.api.running import Api, complete, fail, running
from tests.api.wire import Wire
from tests.conftest import until

BEARER = {"Authorization": f"Bearer {CRON_SECRET}"}


async def samples(api: Api) -> dict[tuple[str, ...], float]:
    """Name and values of labels, in the order of their names -> value, as a scraper reads them."""
    reply = await api.get("/metrics", headers=BEARER)
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(reply.content.decode())
        for sample in family.samples
    }


async def test_the_depth_is_told_by_state_and_priority(api: Api, demo: UUID) -> None:
    """A scraper reads what waits, and that nobody works on it."""
    for priority in (5, 5, 9):
        await api.queued(demo, priority=priority)
    found = await samples(api)
    assert found["prompt_queue_database_up",] == 1
    assert found["prompt_queue_jobs", "5", "ready"] == 2
    assert found["prompt_queue_jobs", "9", "ready"] == 1
    assert found["prompt_queue_workers",] == 0
    assert found["prompt_queue_event_loop_lag_seconds",] >= 0
    assert found["prompt_queue_pool_connections", "busy"] >= 0
    assert found["process_start_time_seconds",] > 0


async def test_every_metric_of_the_list_has_its_family(api: Api) -> None:
    """What the page promises is in the answer."""
    text = (await api.get("/metrics", headers=BEARER)).content.decode()
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {metric.name.removesuffix("_total") for metric in METRICS} <= names
    assert {times.name for times in TIMES} <= names


async def test_a_call_is_counted_with_its_cost(api: Api, database_url: str, demo: UUID) -> None:
    """Calls, tokens and dollars are told by model and outcome."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "insert into public.provider_calls (call_id, job_id, user_id, model, state, prompt_tokens,"
        " completion_tokens, cost_usd) values (gen_random_uuid(), gen_random_uuid(), $1,"
        " 'grok-4.7', 'answered', 100, 20, 0.25)",
        demo,
    )
    await connection.close()
    found = await samples(api)
    call = ("prompt", "grok-4.7")
    assert found["prompt_queue_calls_total", *call, "ok"] == 1
    assert found["prompt_queue_usd_total", *call] == 0.25
    assert found["prompt_queue_tokens_total", "input", *call] == 100
    assert found["prompt_queue_tokens_total", "output", *call] == 20


async def test_what_became_of_jobs_is_counted(api: Api, store: PromptStore, demo: UUID) -> None:
    """Created, completed by source, failed by class, and how long it took."""
    for _ in range(3):
        await api.queued(demo)
    await complete(store)
    await complete(store)
    await fail(store, "bad_input")

    async def counted() -> dict[tuple[str, ...], float] | None:
        found = await samples(api)
        return found if found.get(("prompt_queue_jobs_failed_total", "bad_input")) else None

    found = await until(counted, every=0.5)
    assert isinstance(found, dict)
    assert found["prompt_queue_jobs_created_total",] == 3
    assert found["prompt_queue_jobs_completed_total", "model"] == 2
    assert found["prompt_queue_jobs_failed_total", "bad_input"] == 1
    assert found["prompt_queue_wait_seconds_bucket", "+Inf"] == 2
    assert found["prompt_queue_processing_seconds_count",] == 2
    assert found["prompt_queue_processing_seconds_bucket", "3600"] == 2


async def test_requests_are_counted_by_template(api: Api, demo: UUID) -> None:
    """No id of a job and no address that a client makes up becomes a label."""
    job = await api.queued(demo)
    await api.get(f"/api/prompt/queue/{job}")
    await api.get("/made-up")
    found = await samples(api)
    routes = {labels[1] for name, *labels in found if name.endswith("_duration_seconds_count")}
    assert {"/api/prompt/queue", "none"} <= routes
    assert not [route for route in routes if job in route or "made-up" in route]


async def test_metrics_are_the_operators(api: Api) -> None:
    """Outside the demo they need the secret, as the other routes of the operator do."""
    reply = await api.get("/metrics")
    assert (reply.status, reply.body["code"]) == (401, "unauthorized")


async def test_a_database_that_is_away_is_a_zero(database_url: str, tmp_path: Path) -> None:
    """The scrape succeeds, says that the database is away, and shows the process."""
    async with (
        Wire(database_url, tmp_path) as wire,
        running(wire.dsn, tmp_path, cron_secret=CRON_SECRET) as api,
    ):
        wire.freeze()
        found = await samples(api)
        assert found["prompt_queue_database_up",] == 0
        assert found["process_start_time_seconds",] > 0
        assert not [name for name, *_ in found if name == "prompt_queue_workers"]


async def test_waiting_jobs_without_a_worker_are_an_alert(api: Api, demo: UUID) -> None:
    """The server says so itself: with no worker nobody else could."""
    await api.queued(demo)
    (alert,) = (await api.get("/api/health")).body["alerts"]
    assert alert["since"].endswith("Z")
    assert (alert["name"], alert["value"], alert["threshold"]) == ("no_worker", 0, 1)
    assert "start `prompt-queue work`" in alert["sentence"]


async def test_a_queue_that_is_well_has_no_alert(api: Api, database: Database, demo: UUID) -> None:
    """Jobs that wait for a living worker are nothing to wake anybody for."""
    await WorkerStore(database).seen("w", "host", 1, 32, 0)
    await api.queued(demo)
    assert (await api.get("/api/health")).body["alerts"] == []


async def test_a_threshold_is_a_setting(database_url: str, demo: UUID, tmp_path: Path) -> None:
    """An operator who promises less waiting is told of a shorter queue."""
    thresholds = ("depth=1", "no_worker=0")
    async with running(database_url, tmp_path, alert_thresholds=thresholds) as api:
        await api.queued(demo)
        await api.queued(demo)
        alerts = (await api.get("/api/health")).body["alerts"]
    assert [(alert["name"], alert["value"]) for alert in alerts] == [("depth", 2)]


async def test_the_session_that_pins_the_horizon_is_named(
    database_url: str, demo: UUID, tmp_path: Path
) -> None:
    """Its process id and its application's name are told, never what it asked."""
    connection = await asyncpg.connect(
        database_url, server_settings={"application_name": "a forgotten shell"}
    )
    async with connection.transaction(isolation="repeatable_read"):
        pid = await connection.fetchval("select pg_backend_pid()")
        async with running(database_url, tmp_path, alert_thresholds=("horizon=0",)) as api:
            alerts = (await api.get("/api/health")).body["alerts"]
    await connection.close()
    (alert,) = [alert for alert in alerts if alert["name"] == "horizon"]
    assert f"Session {pid} (a forgotten shell" in alert["sentence"]
    assert "select pg_backend_pid" not in alert["sentence"]
