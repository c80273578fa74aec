"""The migrations apply by our runner and by psql alone, on nothing and beside a user's tables."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from prompt_queue.jobs.outcome import Done, GeneratedPrompt
from prompt_queue.store.database import Database
from prompt_queue.store.intake import Intake, NewJob
from prompt_queue.store.migrate import (
    EARLIER_CHECKSUMS,
    MigrationError,
    migrate,
    migrations_folder,
    missing_versions,
    read_migrations,
)
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.row_store import RowStore
from prompt_queue.store.rows import outcome_as_json
from tests.clusters import Clusters, Setting

USERS_OWN_TABLES = """
create schema auth;
create table auth.users (id uuid primary key default gen_random_uuid(), email text, phone text);
create table public.models (
  id uuid primary key default gen_random_uuid(), owner text, name text not null, weights jsonb
);
create table public.model_rows (
  id uuid primary key default gen_random_uuid(), model_id uuid references public.models (id),
  created_by uuid references auth.users (id), note text, prompt_override text
);
create table public.jobs (
  id uuid primary key default gen_random_uuid(), row_id uuid references public.model_rows (id),
  status text not null default 'queued', request_payload jsonb, cost numeric, secret text
);
insert into auth.users (email, phone) values ('a@example.com', '1'), ('b@example.com', '2');
insert into public.models (owner, name) values ('me', 'first');
insert into public.model_rows (model_id, created_by, note)
  select m.id, u.id, 'note of ' || u.email from public.models m, auth.users u;
insert into public.jobs (row_id, status, cost, secret)
  select r.id, 'succeeded', 1.25, 'kept' from public.model_rows r;
"""


def psql_apply(dsn: str) -> None:
    for path in sorted(migrations_folder().glob("*.sql")):
        subprocess.run(
            ["psql", dsn, "-Xq", "-v", "ON_ERROR_STOP=1", "-f", str(path)],
            check=True,
            capture_output=True,
        )


async def schema_of(dsn: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    try:
        rows = await connection.fetch(
            "select table_schema, table_name, column_name, data_type, column_default, is_nullable "
            "from information_schema.columns where table_schema in ('public', 'auth') "
            "and table_name <> 'prompt_queue_migrations' "
            "union all select 'function', p.proname, pg_get_functiondef(p.oid), '', '', '' "
            "from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
            "where n.nspname = 'public' and p.prolang <> (select oid from pg_language "
            "where lanname = 'c') order by 1, 2, 3"
        )
        return [tuple(row) for row in rows]
    finally:
        await connection.close()


async def rows_of_the_user(dsn: str) -> dict[str, list[dict[str, object]]]:
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    try:
        found = {}
        for table in ("auth.users", "public.models", "public.model_rows", "public.jobs"):
            rows = await connection.fetch(f"select * from {table} order by id")
            found[table] = [
                {k: v for k, v in row.items() if k not in {"prompt_job_id", "prompt_status"}}
                for row in rows
            ]
        return found
    finally:
        await connection.close()


async def execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    await connection.execute(sql)
    await connection.close()


async def test_the_runner_applies_everything_once(empty_database_url: str) -> None:
    """The first run applies all files, the second finds nothing to do."""
    migrations = read_migrations()
    first = await migrate(empty_database_url, migrations)
    assert [m.version for m in first.applied] == [m.version for m in migrations]
    second = await migrate(empty_database_url, migrations)
    assert (second.applied, len(second.already)) == ((), len(migrations))
    assert await missing_versions(empty_database_url, migrations) == []


async def test_psql_alone_makes_the_same_schema(empty_database_url: str, database_url: str) -> None:
    """`psql -f` of the files in order gives what the runner gives, also when repeated."""
    psql_apply(empty_database_url)
    assert await schema_of(empty_database_url) == await schema_of(database_url)
    psql_apply(empty_database_url)
    report = await migrate(empty_database_url, read_migrations())
    assert len(report.applied) == len(read_migrations())
    assert await schema_of(empty_database_url) == await schema_of(database_url)


@pytest.mark.parametrize("way", ["runner", "psql"])
async def test_a_users_own_tables_and_rows_are_left_as_they_are(
    empty_database_url: str, way: str
) -> None:
    """Extra columns and rows survive, jobs gets the mission's two columns and nothing else."""
    await execute(empty_database_url, USERS_OWN_TABLES)
    before = await rows_of_the_user(empty_database_url)
    columns_before = await schema_of(empty_database_url)
    if way == "runner":
        await migrate(empty_database_url, read_migrations())
    else:
        psql_apply(empty_database_url)
    assert await rows_of_the_user(empty_database_url) == before
    theirs = {("auth", "users"), ("public", "models"), ("public", "model_rows"), ("public", "jobs")}
    added = {
        (row[1], row[2])
        for row in set(await schema_of(empty_database_url)) - set(columns_before)
        if row[:2] in theirs
    }
    assert added == {("jobs", "prompt_job_id"), ("jobs", "prompt_status")}
    connection = await asyncpg.connect(empty_database_url, statement_cache_size=0)
    try:
        job = await connection.fetchval(
            "select enqueue_prompt_job(id, 'https://e.com/t.jpg') from model_rows limit 1"
        )
        owner = await connection.fetchrow(
            "select j.user_id, r.created_by from prompt_generation_jobs j "
            "join model_rows r on r.id = j.row_id where j.id = $1",
            job,
        )
        assert owner["user_id"] == owner["created_by"]
        triggers = await connection.fetchval(
            "select count(*) from pg_trigger t join pg_class c on c.oid = t.tgrelid "
            "where not t.tgisinternal and c.relname in ('jobs', 'models', 'model_rows', 'users')"
        )
        assert triggers == 0
    finally:
        await connection.close()


async def test_an_older_table_of_the_mission_is_taken_over_with_its_rows(
    empty_database_url: str,
) -> None:
    """A project that already built the mission's table keeps its jobs, and open ones go on."""
    await execute(
        empty_database_url,
        USERS_OWN_TABLES
        + """
        create table public.prompt_generation_jobs (
          id uuid primary key default gen_random_uuid(),
          row_id uuid not null references public.model_rows (id) on delete cascade,
          model_id uuid not null references public.models (id) on delete cascade,
          user_id uuid not null references auth.users (id) on delete cascade,
          ref_urls text[], target_url text not null, status text not null default 'queued',
          generated_prompt text, error text, retry_count int not null default 0,
          max_retries int not null default 3, priority int not null default 5,
          created_at timestamptz default now(), updated_at timestamptz default now(),
          started_at timestamptz, completed_at timestamptz
        );
        create function public.claim_prompt_jobs("limit" int) returns void language sql as '';
        insert into public.prompt_generation_jobs
          (row_id, model_id, user_id, target_url, status, generated_prompt)
        select r.id, r.model_id, r.created_by, 'https://e.com/' || s.status, s.status,
          case s.status when 'completed' then 'Old prompt.' end
        from public.model_rows r,
          unnest(array['queued', 'processing', 'completed', 'failed']) s (status);
        """,
    )
    await migrate(empty_database_url, read_migrations())
    connection = await asyncpg.connect(empty_database_url, statement_cache_size=0)
    try:
        claimed = await connection.fetch("select target_url from claim_prompt_jobs(10)")
        assert sorted(row["target_url"] for row in claimed) == [
            "https://e.com/processing",
            "https://e.com/processing",
            "https://e.com/queued",
            "https://e.com/queued",
        ]
        assert (
            await connection.fetchval("select total_completed from get_prompt_queue_stats()") == 2
        )
    finally:
        await connection.close()


async def test_an_edited_old_migration_is_refused(empty_database_url: str) -> None:
    """The sentence names the file; nothing is applied."""
    migrations = read_migrations()
    await migrate(empty_database_url, migrations)
    edited = [replace(migrations[0], sql=migrations[0].sql + "\n-- changed"), *migrations[1:]]
    with pytest.raises(MigrationError, match=r"20261124000100_neighbours\.sql was edited"):
        await migrate(empty_database_url, edited)


async def test_a_dry_run_changes_nothing(empty_database_url: str) -> None:
    """It reports what would be applied and leaves the database empty."""
    report = await migrate(empty_database_url, read_migrations(), dry_run=True)
    assert len(report.applied) == len(read_migrations())
    assert await schema_of(empty_database_url) == []


async def test_a_migration_that_fails_is_undone_as_a_whole(
    empty_database_url: str, tmp_path: Path
) -> None:
    """Half a file is never kept, and the sentence says which one failed."""
    for path in migrations_folder().glob("*.sql"):
        shutil.copy(path, tmp_path)
    bad = tmp_path / "20991231000000_bad.sql"
    bad.write_text("create table half (id int);\nselect 1 / 0;\n")
    with pytest.raises(MigrationError, match=r"20991231000000_bad\.sql failed and was undone"):
        await migrate(empty_database_url, read_migrations(tmp_path))
    assert "half" not in {row[1] for row in await schema_of(empty_database_url)}


async def test_twenty_migrators_at_once_apply_each_file_once(empty_database_url: str) -> None:
    """The lock makes the rest wait and find the work done."""
    import asyncio

    migrations = read_migrations()
    reports = await asyncio.gather(*(migrate(empty_database_url, migrations) for _ in range(20)))
    applied = [m.version for report in reports for m in report.applied]
    assert sorted(applied) == [m.version for m in migrations]


async def test_the_supabase_tool_sees_our_files_as_applied(empty_database_url: str) -> None:
    """Where its record exists, ours are entered there, and what it applied is not repeated."""
    await execute(
        empty_database_url,
        "create schema supabase_migrations; create table supabase_migrations.schema_migrations "
        "(version text primary key, statements text[], name text)",
    )
    await migrate(empty_database_url, read_migrations())
    connection = await asyncpg.connect(empty_database_url, statement_cache_size=0)
    names = await connection.fetch("select name from supabase_migrations.schema_migrations")
    await connection.close()
    assert {row["name"] for row in names} == {m.name for m in read_migrations()}
    await execute(empty_database_url, "drop table prompt_queue_migrations")
    assert (await migrate(empty_database_url, read_migrations())).applied == ()


async def test_an_account_that_is_no_superuser_suffices(
    clusters: Clusters, setting: Setting
) -> None:
    """As on hosted databases: the owner of the schema migrates, and the queue works for it."""
    owner = f"owner_{uuid4().hex}"
    # The pooler knows the accounts that were there at its start.
    url = await clusters.clone(setting.major, f"database_of_{owner}", migrated=False)
    admin = await asyncpg.connect(url, statement_cache_size=0)
    try:
        await admin.execute(f"create role {owner} login password 'plain'")
        parts = urlsplit(url)
        await admin.execute(f"grant create on database {parts.path[1:]} to {owner}")
        await admin.execute(f"grant all on schema public to {owner}")
        dsn = urlunsplit(parts._replace(netloc=f"{owner}:plain@"))
        await migrate(dsn, read_migrations())
        database = await Database.open(dsn)
        try:
            row = uuid4()
            await RowStore(database).seed_demo(uuid4(), uuid4(), row)
            job = await Intake(database).enqueue(NewJob(row_id=row, target_url="https://e.com/t"))
            store = PromptStore(database)
            (claim,) = await store.claim(1, "w", 30)
            done = Done(GeneratedPrompt(text="Paint the wall blue.", model="grok-4.7"))
            (settled,) = await store.settle([outcome_as_json(claim, done)])
            assert (settled.job_id, settled.applied) == (job.job_id, True)
            assert (await store.stats()).total_completed == 1
        finally:
            await database.close()
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError):
            await admin.execute("update prompt_generation_jobs set status = 'queued'")
    finally:
        await admin.execute(f"reassign owned by {owner} to current_user")
        await admin.execute(f"drop owned by {owner}")
        await admin.execute(f"drop role {owner}")
        await admin.close()
        await clusters.drop(setting.major, f"database_of_{owner}")


async def test_a_database_with_the_text_for_superusers_is_carried_on(database_url: str) -> None:
    """Two files were mended after they had been applied; who has the old text is not refused."""
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    change = "update prompt_queue_migrations set checksum = $2 where version = $1"
    try:
        for version, checksum in EARLIER_CHECKSUMS.items():
            await connection.execute(change, version, checksum)
        assert await missing_versions(database_url, read_migrations()) == []
        await connection.execute(change, "20261124000300", "0" * 64)
        with pytest.raises(MigrationError, match="edited after it was applied"):
            await missing_versions(database_url, read_migrations())
    finally:
        await connection.close()
