"""Every SQL function, for the same twelve identities, as PostgREST would let them in."""

from collections.abc import Iterator

import asyncpg
import pytest

from prompt_queue.store.bundle import present_functions
from prompt_queue.store.migrate import migrate, read_migrations
from tests.clusters import EMBEDDED_MAJOR, Cluster
from tests.identity.matrix import Identity
from tests.store.test_roles import PROJECT

ROLES = ("anon", "authenticated", "service_role")
ROLE_OF = {
    Identity.NOBODY: "anon",
    Identity.ANON: "anon",
    Identity.USER_A: "authenticated",
    Identity.USER_B: "authenticated",
    Identity.SERVICE: "service_role",
}
"""The role of the database that a token brings; the others are no tokens of the project."""

RIGHTS = """
select p.proname as name, r.role, has_function_privilege(r.role, p.oid, 'execute') as may
from pg_proc p cross join unnest($1::text[]) as r (role)
where p.pronamespace = 'public'::regnamespace and not exists (
  select from pg_depend d where d.objid = p.oid and d.deptype = 'e'
)
"""
KEYS = """
select has_table_privilege($1, 'prompt_api_keys', 'select, insert, update, delete') as may,
  relrowsecurity and relforcerowsecurity as is_walled
from pg_class where relname = 'prompt_api_keys'
"""


@pytest.fixture
def supabase() -> Iterator[Cluster]:
    """A server of its own: roles belong to all databases of a server."""
    cluster = Cluster.start(EMBEDDED_MAJOR)
    assert cluster is not None
    yield cluster
    cluster.stop()


async def test_no_sql_function_is_open_to_users(supabase: Cluster) -> None:
    """On Supabase each function in an exposed schema is a route: only the service may call ours."""
    admin = await asyncpg.connect(supabase.dsn("postgres"))
    await admin.execute(PROJECT)
    dsn = supabase.dsn("postgres").replace("tester", "queue_owner", 1)
    await migrate(dsn.replace(supabase.password, "of-the-test"), read_migrations())
    may = {(row["name"], row["role"]): row["may"] for row in await admin.fetch(RIGHTS, [*ROLES])}
    ours = set(present_functions())
    assert {name for name, _ in may} - {"uuid_generate_v4"} == ours
    wrong = [
        (name, identity.value, role)
        for name in ours
        for identity, role in ROLE_OF.items()
        if may[name, role] is not (identity is Identity.SERVICE)
    ]
    assert not wrong
    for role in ("anon", "authenticated"):
        keys = await admin.fetchrow(KEYS, role)
        assert keys is not None
        assert (keys["may"], keys["is_walled"]) == (False, True)
    await admin.close()
