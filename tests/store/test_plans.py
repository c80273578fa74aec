"""Hot statements touch few rows, however many there are: no plan may fall back to a full scan."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.settings import DEMO_MODEL_ID, DEMO_ROW_ID, DEMO_USER_ID
from prompt_queue.store.database import Database, queries
from prompt_queue.store.row_store import RowStore
from tests.clusters import Clusters, Setting
from tests.conftest import installed
from tests.store.conftest import OLDEST_MAJOR

CROWDED = 200_000
CROWD = "a_crowd"
CLAIM_ROUNDS = 50
_FILLED: set[int] = set()
OURS = (
    "prompt_generation_jobs", "prompt_job_queue", "prompt_job_events", "provider_calls", "jobs",
    "prompt_cache", "prompt_flights", "prompt_partials", "picture_jobs", "prompt_promises",
    "webhook_messages", "webhook_endpoints", "webhook_requests", "webhook_tries",
)  # fmt: skip

CLAIM = "select id, lease_token from claim_prompt_jobs(3, 'planner', 30)"
SETTLE = """
select settle_prompt_jobs(jsonb_build_array(jsonb_build_object(
  'job_id', $1::uuid, 'lease_token', $2::uuid, 'outcome', 'completed', 'prompt', 'Blue.')))
"""
HEARTBEAT = "select heartbeat_prompt_jobs(array[$1::uuid], array[$2::uuid], 30)"
BEGIN_CALL = """
select * from begin_provider_calls(jsonb_build_array(jsonb_build_object(
  'call_id', gen_random_uuid(), 'job_id', $1::uuid, 'lease_token', $2::uuid, 'model', 'm')))
"""
JOIN = """
select * from join_prompt_flights(jsonb_build_array(jsonb_build_object(
  'job_id', $1::uuid, 'lease_token', $2::uuid, 'scope', gen_random_uuid(), 'key', 'asked now')))
"""
NOTE = """
select note_prompt_partials(jsonb_build_array(jsonb_build_object(
  'job_id', $1::uuid, 'lease_token', $2::uuid, 'partial', 'Blu')))
"""
SEEN = "select * from prompt_partial($1)"
CANCEL = "select * from cancel_prompt_job($1)"
POSITION = "select prompt_job_position($1)"
REAP = "select free_expired_prompt_leases()"
WAKE = "select wake_due_prompt_jobs()"


@pytest.fixture(params=(Setting(), Setting(OLDEST_MAJOR)), ids=str)
def setting(request: pytest.FixtureRequest) -> Setting:
    """A pooler changes no plan."""
    return installed(request.param)


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the test's own database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def crowded(clusters: Clusters, setting: Setting) -> AsyncIterator[asyncpg.Connection]:
    """200,000 queued jobs, as many completed ones, and statistics from when it was empty."""
    server = clusters.server(setting.major)
    assert server is not None
    if setting.major not in _FILLED:
        _FILLED.add(setting.major)
        await _fill(await clusters.clone(setting.major, CROWD))
    name = f"crowded_{uuid4().hex}"
    await clusters.execute(server, f"create database {name} template {CROWD} strategy file_copy")
    connection = await asyncpg.connect(server.dsn(name))
    yield connection
    await connection.close()
    await clusters.drop(setting.major, name)


async def _fill(url: str) -> None:
    database = await Database.open(url, size=1)
    await RowStore(database).seed_demo(DEMO_USER_ID, DEMO_MODEL_ID, DEMO_ROW_ID)
    await database.close()
    connection = await asyncpg.connect(url)
    await connection.execute("analyze")
    for status, prompt in (("queued", None), ("completed", "Done.")):
        await connection.execute(
            "insert into prompt_generation_jobs "
            "(row_id, model_id, user_id, target_url, priority, status, generated_prompt) "
            "select $1, $2, $3, 'https://e.com/t', 1 + n % 10, $4, $5 "
            "from generate_series(1, $6) n",
            DEMO_ROW_ID,
            DEMO_MODEL_ID,
            DEMO_USER_ID,
            status,
            prompt,
            CROWDED,
            timeout=300,
        )
    await connection.execute(
        "insert into jobs (prompt_job_id) select job_id from prompt_job_queue limit 5000"
    )
    await connection.close()


async def touched(
    connection: asyncpg.Connection, statement: str, *arguments: object
) -> tuple[int, int]:
    """Full scans, and rows read, that one statement caused on our tables."""
    counters = (
        "select coalesce(sum(seq_scan), 0) as scans, "
        "coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) as rows "
        "from pg_stat_xact_user_tables where relname = any ($1)"
    )
    async with connection.transaction():
        before = await connection.fetchrow(counters, list(OURS))
        await connection.fetch(statement, *arguments)
        after = await connection.fetchrow(counters, list(OURS))
    return int(after["scans"] - before["scans"]), int(after["rows"] - before["rows"])


async def test_claim_and_the_writes_about_a_claim_read_a_handful_of_rows(
    crowded: asyncpg.Connection,
) -> None:
    """Claim, intent, heartbeat, settle and cancel use indexes, with statistics old and new."""
    for fresh in (False, True):
        if fresh:
            await crowded.execute("analyze")
        # The heads of ten lanes, and what is taken.
        assert await touched(crowded, CLAIM) <= (0, 40)
        first, second, third = await crowded.fetch(CLAIM)
        for statement in (JOIN, BEGIN_CALL, NOTE, HEARTBEAT, SETTLE):
            scans, rows = await touched(crowded, statement, first["id"], first["lease_token"])
            assert (scans, rows <= 20) == (0, True), (statement, scans, rows)
        scans, rows = await touched(crowded, CANCEL, second["id"])
        assert (scans, rows <= 20) == (0, True), (scans, rows)
        assert (await touched(crowded, REAP))[0] == 0
        assert await touched(crowded, WAKE) == (0, 0)
        await crowded.execute("select cancel_prompt_job($1)", third["id"])


async def test_a_crowd_of_flights_prompts_and_texts_costs_nobody_anything(
    crowded: asyncpg.Connection,
) -> None:
    """Who joins, writes, watches or ends reads its own row, behind a gate that is spent, too."""
    await crowded.execute(
        "insert into prompt_flights select gen_random_uuid(), n::text, gen_random_uuid() "
        "from generate_series(1, 50000) n"
    )
    await crowded.execute(
        "insert into prompt_cache (scope, key, prompt, job_id, expires_at) "
        "select gen_random_uuid(), n::text, 'Blue.', gen_random_uuid(), now() + interval '1 day' "
        "from generate_series(1, 50000) n"
    )
    await crowded.execute(
        "insert into prompt_partials select gen_random_uuid(), gen_random_uuid(), 'Blu' "
        "from generate_series(1, 50000) n"
    )
    await crowded.execute("select set_prompt_limit('m', 1000, 1000000)")
    for fresh in (False, True):
        if fresh:
            await crowded.execute("analyze")
        claimed = await crowded.fetch(
            "select id, lease_token from claim_prompt_jobs(3, 'planner', 30, null, array['m'])"
        )
        row = claimed[0]
        for statement in (JOIN, BEGIN_CALL, NOTE, HEARTBEAT, SETTLE):
            scans, rows = await touched(crowded, statement, row["id"], row["lease_token"])
            assert (scans, rows <= 24) == (0, True), (statement, scans, rows)
        scans, rows = await touched(crowded, SEEN, claimed[1]["id"])
        assert (scans, rows <= 12) == (0, True), (scans, rows)


async def test_a_crowd_of_pictures_is_not_read(crowded: asyncpg.Connection) -> None:
    """Claims, looks for what is due, ends of prompts and leases read what they are about."""
    await crowded.execute(
        "insert into picture_jobs (id, job_id, user_id, status, target_url, generation_model, "
        "prompt, due_at, completed_at, priority) "
        "select gen_random_uuid(), gen_random_uuid(), $1, s.status, 'https://e.com/t', 'm', "
        "'Blue.', "
        "case s.status when 'queued' then now() end, "
        "case s.status when 'succeeded' then now() end, 1 + n % 10 "
        "from generate_series(1, 30000) n cross join (values ('queued'), ('succeeded')) s (status)",
        DEMO_USER_ID,
    )
    await crowded.execute("update prompt_queue_settings set pictures_at_once = 100")
    claim = "select id, lease_token from claim_picture_jobs(3, 'planner', 30)"
    for fresh in (False, True):
        if fresh:
            await crowded.execute("vacuum analyze picture_jobs")
        taken = await crowded.fetch(claim)
        assert len(taken) == 3
        settle = (
            "select settle_picture_jobs(jsonb_build_array(jsonb_build_object("
            "'picture_id', $1::uuid, 'lease_token', $2::uuid, 'outcome', 'submitted', "
            "'prediction_id', $1::text)))"
        )
        for statement, arguments, most in (
            (claim, (), 40),
            (settle, (taken[0]["id"], taken[0]["lease_token"]), 20),
            ("select free_expired_picture_leases()", (), 10),
            (queries()["next_picture"], (), 10),
            (queries()["picture_pace"], (), 110),
        ):
            scans, rows = await touched(crowded, statement, *arguments)
            assert (scans, rows <= most) == (0, True), (statement, scans, rows)


async def test_who_watches_reads_what_is_new(crowded: asyncpg.Connection) -> None:
    """However many events and open transactions there are, and from statistics of before."""
    await crowded.execute(
        "insert into prompt_flights select gen_random_uuid(), n::text, gen_random_uuid() "
        "from generate_series(1, 5000) n"
    )
    await crowded.execute(
        "insert into prompt_partials select gen_random_uuid(), gen_random_uuid(), 'Blu' "
        "from generate_series(1, 5000) n"
    )
    seen = await crowded.fetchval("select pg_current_snapshot()::text")
    for fresh in (False, True):
        if fresh:
            await crowded.execute("analyze")
        job, *_ = [row["id"] for row in await crowded.fetch(CLAIM)]
        last = await crowded.fetchval("select max(id) from prompt_job_events")
        watched = [job, *(uuid4() for _ in range(1000))]
        news = (queries()["events_after"], seen, watched, [uuid4()], 100)
        scans, rows = await touched(crowded, *news)
        assert (scans, rows <= 20) == (0, True), (scans, rows)
        assert await crowded.fetchval(queries()["events_after"], *news[1:]) is not None
        for query, arguments in (
            ("event_is_known", (last,)),
            ("newest_event", ()),
            ("event_ids_of_jobs", ([job],)),
            ("events_of_jobs_since", ([job], last)),
            ("events_of_user_since", (last, DEMO_USER_ID, 100)),
            ("watched_jobs", ([job],)),
        ):
            scans, rows = await touched(crowded, queries()[query], *arguments)
            assert (scans, rows <= 40) == (0, True), (query, scans, rows)


async def test_a_crowd_of_webhooks_is_not_read(crowded: asyncpg.Connection) -> None:
    """200,000 that wait, most for one receiver: claims and settles read what they are about."""
    await crowded.execute(
        "insert into webhook_endpoints (id, user_id, url, secret) "
        "select gen_random_uuid(), gen_random_uuid(), 'https://e.com/' || n, 's' "
        "from generate_series(1, 1000) n"
    )
    await crowded.execute(
        "insert into webhook_messages (user_id, endpoint_id, type, subject, payload, due_at) "
        "select e.user_id, e.id, 'prompt.failed', gen_random_uuid(), '{}', "
        "now() + case e.url when 'https://e.com/1' then interval '0' else interval '1 hour' end "
        "from webhook_endpoints e, lateral generate_series(1, case e.url "
        "when 'https://e.com/1' then 150000 else 50 end)"
    )
    claim = (
        "select id, lease_token from claim_webhook_messages(16, 'planner', 30, 4, "
        "gen_random_uuid()::text)"
    )
    for fresh in (False, True):
        if fresh:
            await crowded.execute("vacuum analyze webhook_messages")
        taken = await crowded.fetch(claim)
        assert len(taken) == 4
        scans, rows = await touched(crowded, claim)
        assert (scans, rows <= 3_000) == (0, True), (scans, rows)
        settle = (
            "select settle_webhook_messages((select jsonb_agg(jsonb_build_object("
            "'message_id', m.id, 'lease_token', m.lease_token, 'outcome', 'delivered', "
            "'status', 204)) from webhook_messages m where m.id = any ($1)))"
        )
        scans, rows = await touched(crowded, settle, [row["id"] for row in taken])
        assert (scans, rows <= 60) == (0, True), (scans, rows)
        scans, rows = await touched(crowded, queries()["next_webhook"])
        assert (scans, rows <= 10) == (0, True), (scans, rows)


async def test_a_cap_looks_at_the_heads_of_the_lanes(crowded: asyncpg.Connection) -> None:
    """A claim sets a hundred jobs of one user aside a round, and reads no lane to its end."""
    await crowded.execute("update prompt_queue_settings set user_in_flight_cap = 2")
    for fresh in (False, True):
        if fresh:
            await crowded.execute("analyze")
        scans, rows = await touched(crowded, CLAIM)
        assert (scans, rows <= 2 * CLAIM_ROUNDS * 120) == (0, True), (scans, rows)


async def test_a_position_costs_at_most_what_it_counts(crowded: asyncpg.Connection) -> None:
    """The last of 200,000 is answered after 1,000 rows, as "1,000 or more"."""
    last = await crowded.fetchval(
        "select job_id from prompt_job_queue order by priority, claim_key desc limit 1"
    )
    await crowded.execute("vacuum analyze prompt_job_queue")
    scans, rows = await touched(crowded, POSITION, last)
    assert (scans, rows <= 1_010) == (0, True), (scans, rows)
    assert await crowded.fetchval(POSITION, last) == 1_000
    first = await crowded.fetchval(
        "select job_id from prompt_job_queue order by priority desc, claim_key limit 1"
    )
    assert await crowded.fetchval(POSITION, first) == 0


async def test_a_job_is_claimed_and_completed_without_a_write_to_its_indexes(
    sql: asyncpg.Connection, demo: UUID
) -> None:
    """Both updates of its row are HOT: no index names a column that they change."""
    named = await sql.fetch(
        "select distinct a.attname from pg_index i "
        "join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = i.indexrelid "
        "and d.refobjid = i.indrelid "
        "join pg_attribute a on a.attrelid = i.indrelid and a.attnum = d.refobjsubid "
        "where i.indrelid = 'prompt_generation_jobs'::regclass"
    )
    # Those of the primary key hang on its constraint.
    assert {row["attname"] for row in named} <= {
        "id", "row_id", "model_id", "user_id", "created_at", "error_code"
    }  # fmt: skip
    await sql.execute(
        "insert into prompt_generation_jobs (row_id, model_id, user_id, target_url) "
        "values ($1, $2, $3, 'https://e.com/t')",
        demo,
        DEMO_MODEL_ID,
        DEMO_USER_ID,
    )
    hot = (
        "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables "
        "where relname = 'prompt_generation_jobs'"
    )
    async with sql.transaction():
        before = await sql.fetchrow(hot)
        (row,) = await sql.fetch(CLAIM)
        await sql.fetch(SETTLE, row["id"], row["lease_token"])
        after = await sql.fetchrow(hot)
    assert [after[n] - before[n] for n in range(2)] == [2, 2]


async def test_statistics_do_not_look_at_jobs(crowded: asyncpg.Connection) -> None:
    """They come from the queue's own table and from sums, however many jobs are over."""
    counter = (
        "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as read "
        "from pg_stat_xact_user_tables where relname = 'prompt_generation_jobs'"
    )
    async with crowded.transaction():
        before = await crowded.fetchval(counter)
        stats = await crowded.fetchrow("select * from get_prompt_queue_stats()")
        after = await crowded.fetchval(counter)
    assert (stats["total_queued"], stats["total_completed"]) == (CROWDED, CROWDED)
    assert after == before


async def test_forecasts_and_tests_of_promises_look_at_few_rows(
    crowded: asyncpg.Connection,
) -> None:
    """However many promises are open or over, with statistics old and new."""
    await crowded.execute(
        "insert into prompt_promises (job_id, priority, start_base, start_spread, start_p50, "
        "start_p90, done_base, done_spread, done_p50, done_p90, start_due_at, done_due_at) "
        "select q.job_id, 5, 1, 1, 1, 1, 1, 1, 1, 1, now() + interval '1 day', "
        "now() + interval '1 day' from prompt_job_queue q"
    )
    await crowded.execute(
        "insert into prompt_promises (job_id, priority, start_base, start_spread, start_p50, "
        "start_p90, done_base, done_spread, done_p50, done_p90, start_kept, done_kept, "
        "start_error, done_error, start_scored_at, done_scored_at) "
        "select id, 5, 1, 1, 1, 1, 1, 1, 1, 1, true, true, 0, 0, now(), now() "
        "from prompt_generation_jobs where status = 'completed'"
    )
    job = await crowded.fetchval("select job_id from prompt_job_queue order by job_id limit 1")
    named = queries()
    asked: list[tuple[str, tuple[object, ...], int]] = [
        ("place", (job,), 1100), ("promise_errors", ("prompt", 300), 700),
        ("prompt_pace", (), 1500), ("arrivals", (), 3100), ("score_promises", (), 4000),
        ("model_states", (["grok-4.7", "wavespeed"],), 20),
    ]  # fmt: skip
    for fresh in (False, True):
        if fresh:
            await crowded.execute("analyze")
        for name, values, most in asked:
            last = "(select max(id) from prompt_job_events)"
            await crowded.execute(
                f"update prompt_queue_settings set promises_scored_event = {last}"
            )
            scans, rows = await touched(crowded, named[name], *values)
            assert (scans, rows <= most) == (0, True), (name, scans, rows, fresh)


async def test_pruning_reads_what_it_deletes(crowded: asyncpg.Connection) -> None:
    """Old jobs are found by their age; young ones are not looked at."""
    await crowded.execute(
        "update prompt_generation_jobs set created_at = '2001-01-01', updated_at = '2001-01-01' "
        "where id in (select id from prompt_generation_jobs where status = 'completed' limit 300)"
    )
    prune = "select * from prune_prompt_jobs(90, null, p_limit => 100)"
    scans, rows = await touched(crowded, prune)
    assert (scans, rows <= 500) == (0, True), (scans, rows)
    assert await crowded.fetchval("select deleted from prune_prompt_jobs(90, null)") == 200


async def test_heartbeats_rewrite_no_index(crowded: asyncpg.Connection) -> None:
    """lease_until is in no index, so that renewing a lease is a HOT update."""
    (row, *_) = await crowded.fetch(CLAIM)
    hot = "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relname = $1"
    async with crowded.transaction():
        before = await crowded.fetchrow(hot, "prompt_job_queue")
        for _ in range(5):
            await crowded.fetch(HEARTBEAT, row["id"], row["lease_token"])
        after = await crowded.fetchrow(hot, "prompt_job_queue")
    assert after["n_tup_upd"] - before["n_tup_upd"] == 5
    assert after["n_tup_hot_upd"] - before["n_tup_hot_upd"] == 5


async def test_a_look_at_the_whole_queue_reads_few_rows(crowded: asyncpg.Connection) -> None:
    """What /metrics and the alert rules ask: however long the queue and its past are."""
    await crowded.execute(
        "insert into provider_calls (call_id, job_id, user_id, model, state, started_at) "
        "select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'm', 'answered', "
        "now() - interval '1 hour' - n * interval '1 second' from generate_series(1, 50000) n"
    )
    await crowded.execute(
        "insert into prompt_promises (job_id, priority, start_base, start_spread, start_p50, "
        "start_p90, done_base, done_spread, done_p50, done_p90, done_kept, done_scored_at) "
        "select id, 5, 1, 1, 1, 1, 1, 1, 1, 1, true, now() "
        "from prompt_generation_jobs where status = 'completed'"
    )
    await crowded.execute(
        "with message as (insert into webhook_messages (user_id, url, type, subject, payload) "
        "select gen_random_uuid(), 'https://e.com', 'prompt.failed', gen_random_uuid(), '{}' "
        "from generate_series(1, 50000) returning id) "
        "insert into webhook_tries (message_id, number, at, milliseconds) "
        "select m.id, 1, now() - interval '3 hours' * random(), 5 from message m"
    )
    named = queries()
    asked: list[tuple[str, tuple[object, ...], int]] = [
        ("measures_rates", (), 10), ("measures_backlog", (), 0),
        ("measures_recent_jobs", (), 3_100), ("measures_totals", (), 20),
        ("measures_webhooks", (), 0),
        ("measures_webhook_tries", (), 2_100), ("measures_promises", (), 0),
        ("measures_dead_rows", (), 0), ("measures_horizon", (), 0), ("sum_up", (), 20),
        ("note_alerts", ("[]", None), 0), ("alerts_since", (), 0),
    ]  # fmt: skip
    assert {name for name in named if name.startswith("measures_")} <= {name for name, *_ in asked}
    for fresh in (False, True):
        if fresh:
            await crowded.execute("analyze")
        # Behind, it reads what it adds: 20,000 events, their jobs, 20,000 calls twice.
        await crowded.execute("update prompt_queue_totals_read set event_id = 0, seen_id = 0")
        await crowded.execute("update prompt_queue_totals_read set calls_until = '-infinity'")
        scans, rows = await touched(crowded, named["sum_up"])
        assert (scans, rows <= 85_000) == (0, True), (scans, rows)
        await crowded.execute(
            "update prompt_queue_totals_read set calls_until = now() - interval '30 minutes', "
            "event_id = (select max(id) from prompt_job_events), "
            "seen_id = (select max(id) from prompt_job_events)"
        )
        await crowded.fetch(named["measures_backlog"])
        for name, values, most in asked:
            scans, rows = await touched(crowded, named[name], *values)
            assert (scans, rows <= most) == (0, True), (name, scans, rows, fresh)


async def test_pruning_promises_reads_what_it_deletes(crowded: asyncpg.Connection) -> None:
    """Young ones are not looked at."""
    await crowded.execute(
        "insert into prompt_promises (job_id, made_at, priority, start_base, start_spread, "
        "start_p50, start_p90, done_base, done_spread, done_p50, done_p90) "
        "select j.id, case when row_number() over () <= 300 then now() - interval '8 days' "
        "else now() end, 5, 1, 1, 1, 1, 1, 1, 1, 1 from prompt_generation_jobs j"
    )
    for fresh in (False, True):
        if fresh:
            await crowded.execute("analyze prompt_promises")
        scans, rows = await touched(crowded, queries()["prune_promises"], 7.0, 100)
        assert (scans, rows <= 400) == (0, True), (scans, rows, fresh)


async def test_a_count_serves_whoever_asks_soon_afterwards(crowded: asyncpg.Connection) -> None:
    """It is right, one process makes it, and what is queued meanwhile waits for the next one."""
    count = (
        "select sum(jobs)::int as jobs, max(seconds) as age "
        "from prompt_queue_backlog($1) where kind = 'prompt'"
    )
    first = await crowded.fetchrow(count, 1e6)
    assert first["jobs"] == CROWDED
    await crowded.execute("delete from prompt_job_queue where priority = 3")
    kept = await crowded.fetchrow(count, 1e6)
    assert (kept["jobs"], kept["age"] > first["age"]) == (CROWDED, True)
    assert await touched(crowded, count, 1e6) == (0, 0)
    anew = await crowded.fetchrow(count, 0.001)
    assert (anew["jobs"], anew["age"] < kept["age"]) == (CROWDED - CROWDED // 10, True)
    # What is counted in no time is counted each time.
    await crowded.execute(
        "delete from prompt_job_queue where job_id <> (select min(job_id::text)"
        "::uuid from prompt_job_queue)"
    )
    await crowded.execute("vacuum prompt_job_queue")
    assert (await crowded.fetchrow(count, 0.001))["jobs"] == 1
    await crowded.execute("delete from prompt_job_queue")
    assert (await crowded.fetchrow(count, 1e6))["jobs"] is None
