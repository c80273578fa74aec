"""API keys: scopes, ends, rotation, acting for a user, and what the database knows of them."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.guards.api_keys import ApiKey
from prompt_queue.jobs.scopes import Scope, covers
from prompt_queue.store.database import Database
from prompt_queue.store.key_store import KeyStore
from prompt_queue.store.row_store import RowStore
from tests.api.running import QUEUE, Api
from tests.identity.conftest import bearer, new_key
from tests.identity.project import Project


async def test_a_key_allows_what_it_names(api: Api, database: Database, user_a: UUID) -> None:
    """Everything else is 403, and the answer names the scope that is missing."""
    key = await new_key(database, Scope.READ, user=user_a)
    assert (await api.get(QUEUE, headers=bearer(key.text))).status == 200
    reply = await api.post("/api/rows", json={}, headers=bearer(key.text))
    assert (reply.status, reply.body["code"]) == (403, "forbidden")
    assert "enqueue" in reply.body["detail"]
    assert 'scope="enqueue"' in reply.headers["WWW-Authenticate"]
    for path in ("/metrics", "/api/health"):
        assert (await api.get(path, headers=bearer(key.text))).status == 403
    me = (await api.get("/api/me", headers=bearer(key.text))).body
    assert me == {"userId": str(user_a), "kind": "key", "scopes": ["read"], "expiresAt": None,
                  "demo": False}  # fmt: skip


async def test_operators_have_keys_that_belong_to_nobody(api: Api, database: Database) -> None:
    """They look at the queue and press its buttons, and their keys are named in the audit."""
    viewer = await new_key(database, Scope.OPS_READ)
    operator = await new_key(database, Scope.OPS_WRITE)
    assert (await api.get("/metrics", headers=bearer(viewer.text))).status == 200
    assert (await api.get("/api/health", headers=bearer(viewer.text))).status == 200
    pause = {"json": {"reason": "a test"}}
    pausing = f"{QUEUE}/pause"
    assert (await api.post(pausing, **pause, headers=bearer(viewer.text))).status == 403
    assert (await api.post(pausing, **pause, headers=bearer(operator.text))).status == 200
    acts = await database.rows("operator_log", 10)
    assert ("paused", f"key:{operator.prefix}") in {(act["act"], act["actor"]) for act in acts}
    admin = await new_key(database, Scope.ADMIN)
    reply = await api.get(QUEUE, headers=bearer(admin.text))
    assert (reply.status, "X-Act-For" in reply.body["detail"]) == (403, True)


async def test_acting_for_a_user_needs_its_own_scope(
    api: Api, database: Database, user_a: UUID, user_b: UUID
) -> None:
    """Not even admin is enough; with it, the key makes rows of the user whom it names."""
    admin = await new_key(database, Scope.ADMIN, user=user_a)
    acting = {"X-Act-For": str(user_b)}
    reply = await api.get(QUEUE, headers=bearer(admin.text) | acting)
    assert (reply.status, "act_for" in reply.body["detail"]) == (403, True)
    key = await new_key(database, Scope.ENQUEUE, Scope.READ, Scope.ACT_FOR)
    made = await api.post("/api/rows", json={}, headers=bearer(key.text) | acting)
    assert made.status == 201
    owned = await RowStore(database).list(user_b, 10)
    assert [str(row.id) for row in owned] == [made.body["rowId"]]
    for odd in ("", "somebody", f"{user_b},{user_a}"):
        reply = await api.get(QUEUE, headers=bearer(key.text) | {"X-Act-For": odd})
        assert (reply.status, reply.body["code"]) == (422, "invalid_parameter")


async def test_a_token_never_acts_for_others(
    api: Api, project: Project, user_a: UUID, user_b: UUID
) -> None:
    """The header is not ignored either: who sends it means it."""
    headers = bearer(project.token(user_a)) | {"X-Act-For": str(user_b)}
    assert (await api.get(QUEUE, headers=headers)).status == 403


async def test_a_user_who_is_not_in_the_database_is_told_so(api: Api, project: Project) -> None:
    """The token is good, and the database is another one's: a sentence, not a crash."""
    reply = await api.post("/api/rows", json={}, headers=bearer(project.token(uuid4())))
    assert (reply.status, reply.body["code"]) == (409, "row_refused")
    assert "auth.users" in reply.body["detail"]


async def test_keys_that_are_over_are_like_keys_that_never_were(
    api: Api, database: Database, user_a: UUID
) -> None:
    """Expired, revoked, another secret, another prefix, no key: one answer."""
    store = KeyStore(database)
    expired = await new_key(database, Scope.READ, user=user_a, seconds=-1)
    revoked = await new_key(database, Scope.READ, user=user_a)
    assert (await api.get(QUEUE, headers=bearer(revoked.text))).status == 200
    assert await store.revoke(revoked.prefix, "test")
    assert not await store.revoke(revoked.prefix, "test")
    live = await new_key(database, Scope.READ, user=user_a)
    texts = [
        expired.text, revoked.text, ApiKey.make(live.prefix).text, ApiKey.make().text,
        live.text[:-1], live.text.upper(), live.text + "0", f"pq_{live.prefix}_", "pq_",
    ]  # fmt: skip
    said = set()
    for text in texts:
        reply = await api.get(QUEUE, headers=bearer(text))
        assert reply.status == 401, text
        said.add(str(reply.body | {"requestId": ""}) + reply.headers["WWW-Authenticate"])
    assert len(said) == 1


async def test_after_a_rotation_both_secrets_open_until_the_grace_is_over(
    api: Api, database: Database, user_a: UUID
) -> None:
    """A repeat whose answer was lost changes nothing; a rotation without grace closes the old."""
    store = KeyStore(database)
    old = await new_key(database, Scope.READ, user=user_a)
    new = ApiKey.make(old.prefix)
    for _ in range(2):
        assert await store.rotate(old.prefix, new.digest, 3600, "test") is not None
    for key in (old, new):
        assert (await api.get(QUEUE, headers=bearer(key.text))).status == 200
    newest = ApiKey.make(old.prefix)
    await store.rotate(old.prefix, newest.digest, 0, "test")
    statuses = [(await api.get(QUEUE, headers=bearer(k.text))).status for k in (old, new, newest)]
    assert statuses == [401, 401, 200]


async def test_uses_are_noted_at_most_once_a_minute(
    api: Api, database: Database, user_a: UUID
) -> None:
    """The first is, the second is not; a use without the secret never is."""
    key = await new_key(database, Scope.READ, user=user_a)
    store = KeyStore(database)

    async def last_use() -> object:
        return next(k.last_used_at for k in await store.all() if k.prefix == key.prefix)

    await api.get(QUEUE, headers=bearer(ApiKey.make(key.prefix).text))
    assert await last_use() is None
    await api.get(QUEUE, headers=bearer(key.text))
    first = await last_use()
    await api.get(QUEUE, headers=bearer(key.text))
    assert first is not None
    assert await last_use() == first


async def test_the_database_has_no_secret(database: Database, direct_url: str) -> None:
    """Neither the table nor the audit holds what the holder of a key has."""
    key = await new_key(database, Scope.OPS_READ)
    connection = await asyncpg.connect(direct_url)
    try:
        kept = await connection.fetchval("select string_agg(k::text, '') from prompt_api_keys k")
        audit = await connection.fetchval(
            "select string_agg(l::text, '') from prompt_operator_log l"
        )
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "insert into prompt_api_keys (prefix, digest, name, scopes) "
                "values ('0123456789ab', $1, 'x', array['everything'])", bytes(32),
            )  # fmt: skip
    finally:
        await connection.close()
    assert key.prefix in kept
    assert key.prefix in audit
    assert key.secret not in kept + audit
    assert key.secret not in repr(key)


async def test_a_deleted_user_takes_the_keys_along(
    database: Database, direct_url: str, user_a: UUID
) -> None:
    """Nobody is left for whom they could open."""
    key = await new_key(database, Scope.READ, user=user_a)
    connection = await asyncpg.connect(direct_url)
    await connection.execute("delete from auth.users where id = $1", user_a)
    await connection.close()
    assert await KeyStore(database).find(key.prefix) is None


def test_a_digest_is_compared_even_where_there_is_none() -> None:
    """A prefix that nobody has costs the same comparisons, and never fits."""
    key = ApiKey.make()
    assert key.is_one_of(None, key.digest)
    assert not key.is_one_of(None, None)
    assert not key.is_one_of(bytes(32), None)
    assert ApiKey.read(key.text) == key


@pytest.mark.parametrize("scope", Scope)
def test_admin_is_everything_but_acting_for_others(scope: Scope) -> None:
    """Each scope covers itself, and no other one covers anything."""
    assert covers({scope}, scope)
    assert covers({Scope.ADMIN}, scope) is (scope is not Scope.ACT_FOR)
    others = {*Scope} - {scope, Scope.ADMIN}
    assert not covers(others, scope)
