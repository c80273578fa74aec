"""Who may do what in the database, on a project as Supabase makes it."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.resources import files
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.store.database import Database
from prompt_queue.store.migrate import migrate, read_migrations
from prompt_queue.store.prompt_store import PromptStore
from tests.clusters import EMBEDDED_MAJOR, Cluster, Setting
from tests.conftest import installed

# What a new Supabase project has: everything new in `public` is open to the web until it is closed.
PROJECT = """
create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;
create role authenticator login noinherit in role anon, authenticated, service_role;
create role queue_owner login nosuperuser nobypassrls password 'of-the-test';
grant create on schema public to queue_owner;
grant usage on schema public to anon, authenticated, service_role;
alter default privileges for role queue_owner in schema public
  grant all on tables to anon, authenticated, service_role;
alter default privileges for role queue_owner in schema public
  grant all on sequences to anon, authenticated, service_role;
alter default privileges for role queue_owner in schema public
  grant all on functions to anon, authenticated, service_role;
create schema auth authorization queue_owner;
grant usage on schema auth to anon, authenticated, service_role;
create table auth.users (id uuid primary key);
alter table auth.users owner to queue_owner;
create function auth.uid() returns uuid language sql stable
  as $$ select (current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::uuid $$;
create table public.models (id uuid primary key default gen_random_uuid(), name text);
create table public.model_rows (
  id uuid primary key default gen_random_uuid(),
  model_id uuid references public.models (id),
  user_id uuid references auth.users (id)
);
alter table public.models owner to queue_owner;
alter table public.model_rows owner to queue_owner;
create publication supabase_realtime;
alter publication supabase_realtime owner to queue_owner;
"""
MAJORS = (EMBEDDED_MAJOR, 15)
THEIRS = {"models", "model_rows"}
OWNERS_READ = {
    "prompt_generation_jobs": "user_id",
    "prompt_job_events": "user_id",
    "picture_jobs": "user_id",
    "jobs": "user_id",
    "prompt_feedback": "user_id",
}
CLAIMS = "select set_config('request.jwt.claims', $1, true)"


@pytest.fixture(scope="module", params=MAJORS, ids=lambda major: f"pg{major}")
def project(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A server of its own: roles belong to all databases of a server."""
    installed(Setting(request.param))
    cluster = Cluster.start(request.param)
    assert cluster is not None
    yield cluster
    cluster.stop()


@pytest.fixture
async def owner(project: Cluster) -> AsyncIterator[str]:
    """A migrated project; the address for the role that owns the queue."""
    name = f"project_{uuid4().hex}"
    admin = await asyncpg.connect(project.dsn("postgres"))
    await admin.execute(f"create database {name}")
    inside = await asyncpg.connect(project.dsn(name))
    known = await inside.fetchval("select to_regrole('anon') is not null")
    # Roles outlive the database of the test that made them.
    lines = PROJECT.split(";\n")
    await inside.execute(
        ";\n".join(line for line in lines if not (known and "create role" in line))
    )
    dsn = (
        project.dsn(name)
        .replace("tester", "queue_owner", 1)
        .replace(project.password, "of-the-test")
    )
    await migrate(dsn, read_migrations())
    await inside.close()
    yield dsn
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


@asynccontextmanager
async def acting(
    project: Cluster, dsn: str, role: str, user: UUID | None = None
) -> AsyncIterator[asyncpg.Connection]:
    """A connection as PostgREST uses it: the role and the claims for one transaction."""
    name = urlsplit(dsn).path.removeprefix("/")
    connection = await asyncpg.connect(project.dsn(name))
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            CLAIMS.replace("$1", f"'{json.dumps({'sub': str(user)} if user else {})}'")
        )
        await connection.execute(f"set local role {role}")
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()


async def _tables(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch(
        "select relname from pg_class where relnamespace = 'public'::regnamespace "
        "and relkind in ('r', 'p') order by 1"
    )
    return [row["relname"] for row in rows]


async def test_every_table_of_ours_is_closed_by_row(owner: str) -> None:
    """Row level security is on and forced on what the migrations make, and on nothing else."""
    connection = await asyncpg.connect(owner)
    rows = await connection.fetch(
        "select relname, relrowsecurity, relforcerowsecurity from pg_class "
        "where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
    )
    await connection.close()
    assert len(rows) > 20
    for row in rows:
        ours = row["relname"] not in THEIRS
        assert (row["relrowsecurity"], row["relforcerowsecurity"]) == (ours, ours), row["relname"]


@pytest.mark.parametrize("role", ["anon", "authenticated"])
async def test_the_web_roles_hold_no_right_but_reading_their_own(
    project: Cluster, owner: str, role: str
) -> None:
    """No table, view or sequence of ours is open to them, except what owners may read."""
    async with acting(project, owner, "queue_owner") as connection:
        rows = await connection.fetch(
            """
            select c.relname, c.relkind::text as kind, p.privilege
            from pg_class c,
              lateral unnest(case when c.relkind = 'S' then array['USAGE', 'SELECT', 'UPDATE']
                else array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']
              end) as p (privilege)
            where c.relnamespace = 'public'::regnamespace
              and c.relkind in ('r', 'p', 'v', 'm', 'S')
              and case when c.relkind = 'S' then has_sequence_privilege($1, c.oid, p.privilege)
                else has_table_privilege($1, c.oid, p.privilege) end
            """,
            role,
        )
    held = {(row["relname"], row["privilege"]) for row in rows if row["relname"] not in THEIRS}
    allowed = {(table, "SELECT") for table in OWNERS_READ} if role == "authenticated" else set()
    assert held == allowed


async def test_every_function_of_ours_is_closed_to_the_web(owner: str) -> None:
    """Neither the public nor the web roles may call one; the service role may."""
    connection = await asyncpg.connect(owner)
    rows = await connection.fetch(
        """
        select p.oid::regprocedure::text as name, p.prosecdef,
          p.proconfig::text as config,
          has_function_privilege('anon', p.oid, 'execute') as anon,
          has_function_privilege('authenticated', p.oid, 'execute') as authenticated,
          has_function_privilege('service_role', p.oid, 'execute') as service
        from pg_proc p where p.pronamespace = 'public'::regnamespace
          and p.proname <> 'uuid_generate_v4' and p.prorettype <> 'trigger'::regtype order by 1
        """
    )
    await connection.close()
    assert len(rows) > 60
    open_ones = [row["name"] for row in rows if row["anon"] or row["authenticated"]]
    assert open_ones == []
    assert [row["name"] for row in rows if not row["service"]] == []
    assert [row["name"] for row in rows if row["prosecdef"]] == []
    assert [row["name"] for row in rows if "search_path" not in (row["config"] or "")] == []


async def _two_users_with_a_job_each(dsn: str) -> tuple[UUID, UUID]:
    first, second = uuid4(), uuid4()
    connection = await asyncpg.connect(dsn)
    for user in (first, second):
        await connection.execute("insert into auth.users (id) values ($1)", user)
        model = await connection.fetchval("insert into models (name) values ('m') returning id")
        row = await connection.fetchval(
            "insert into model_rows (model_id, user_id) values ($1, $2) returning id", model, user
        )
        await connection.execute(
            "insert into prompt_generation_jobs (row_id, model_id, user_id, target_url) "
            "values ($1, $2, $3, 'https://example.com/a.jpg')", row, model, user,
        )  # fmt: skip
    await connection.close()
    return first, second


async def test_owners_read_their_own_rows_and_no_others(project: Cluster, owner: str) -> None:
    """As `authenticated` with a user's claims; without claims, and as `anon`, there is nothing."""
    first, second = await _two_users_with_a_job_each(owner)
    for user in (first, second):
        async with acting(project, owner, "authenticated", user) as connection:
            for table, column in OWNERS_READ.items():
                found = await connection.fetch(f"select distinct {column} from {table}")
                wanted = [] if table in {"picture_jobs", "jobs", "prompt_feedback"} else [user]
                assert [row[0] for row in found] == wanted, table
    async with acting(project, owner, "authenticated") as connection:
        assert await connection.fetchval("select count(*) from prompt_generation_jobs") == 0
    async with acting(project, owner, "anon") as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("select count(*) from prompt_generation_jobs")


@pytest.mark.parametrize("role", ["anon", "authenticated"])
async def test_the_web_roles_change_nothing(project: Cluster, owner: str, role: str) -> None:
    """Every table refuses every write, tried one by one, also of the user's own rows."""
    first, _ = await _two_users_with_a_job_each(owner)
    async with acting(project, owner, "queue_owner") as connection:
        tables = [table for table in await _tables(connection) if table not in THEIRS]
    for table in tables:
        for statement in (
            f"insert into {table} default values", f"delete from {table}", f"truncate {table}",
            f"update {table} set {await _a_column(owner, table)} = default",
        ):  # fmt: skip
            async with acting(project, owner, role, first) as connection:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)


async def _a_column(dsn: str, table: str) -> str:
    connection = await asyncpg.connect(dsn)
    name: str = await connection.fetchval(
        "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 "
        "and attidentity = '' and attgenerated = '' order by attnum limit 1",
        f"public.{table}",
    )
    await connection.close()
    return name


async def test_realtime_tells_owners_of_their_jobs(owner: str) -> None:
    """Where Supabase's publication exists, the tables that owners may read are in it; no others."""
    connection = await asyncpg.connect(owner)
    published = await connection.fetch(
        "select tablename from pg_publication_tables where pubname = 'supabase_realtime'"
    )
    await connection.close()
    assert {row["tablename"] for row in published} == {"prompt_generation_jobs", "picture_jobs"}


async def test_the_service_works_without_any_privilege_of_its_own(owner: str) -> None:
    """The owning role is neither superuser nor above the policies, and the queue runs under it."""
    first, _ = await _two_users_with_a_job_each(owner)
    database = await Database.open(owner)
    try:
        store = PromptStore(database)
        claims = await store.claim(10, "tester", 30)
        assert first in {claim.user_id for claim in claims}
        await store.settle([
            {"job_id": str(one.job_id), "lease_token": str(one.lease_token), "outcome": "completed",
             "prompt": "Make it teal.", "source": "model", "model": "m"} for one in claims
        ])  # fmt: skip
        assert (await store.stats()).total_completed == 2
    finally:
        await database.close()


def test_no_statement_takes_on_a_role_or_claims() -> None:
    """So a cancelled request can leave neither on a pooled connection."""
    folder = files("prompt_queue") / "store" / "sql"
    texts = [
        entry.read_text()
        for part in ("functions", "queries")
        for entry in (folder / part).iterdir()
        if entry.name.endswith(".sql")
    ]
    assert len(texts) > 80
    for text in texts:
        assert "request.jwt" not in text
        assert "set role" not in text.lower()
        assert "set_config('role'" not in text
