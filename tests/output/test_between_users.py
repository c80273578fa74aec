"""What one user has asked for and paid is nothing to another who asks the same."""

from pathlib import Path
from typing import Any

import asyncpg
import jwt

from prompt_queue.settings import load_settings
from prompt_queue.store.database import Database
from prompt_queue.testing import PictureServer, StandIn
from tests.api.running import QUEUE, Api, running
from tests.conftest import until
from tests.identity.conftest import bearer, new_user
from tests.identity.project import LEGACY_SECRET, claims_of
from tests.output.working import working
from tests.photographs import plain

ISSUER = "http://127.0.0.1:9/auth/v1"
COSTS = """
select count(*) as calls, coalesce(sum(c.cost_usd), 0)::float8 as usd
from public.provider_calls c
join public.prompt_generation_jobs j on j.id = c.job_id where j.user_id = $1
"""


async def asked(api: Api, headers: dict[str, str], url: str) -> str:
    """A row and a job of this user, both about the picture; the job's address."""
    row = await api.post("/api/rows", json={"targetUrl": url}, headers=headers)
    assert row.status == 201, row.content
    body = {"rowId": row.body["rowId"], "targetUrl": url}
    reply = await api.post(QUEUE, json=body, headers=headers)
    assert reply.status == 202, reply.content
    return f"{QUEUE}/{reply.body['promptJobId']}"


async def look(api: Api, headers: dict[str, str], path: str) -> dict[str, Any]:
    reply = await api.get(path, headers=headers)
    assert reply.status == 200, reply.content
    return dict(reply.body)


async def ended(api: Api, headers: dict[str, str], path: str) -> dict[str, Any]:
    """The job when it is over."""

    async def final() -> dict[str, Any] | None:
        job = await look(api, headers, path)
        return job if job["status"] == "completed" else None

    return dict(await until(final, 30))


async def test_an_identical_request_of_another_user_is_asked_anew(
    database_url: str, database: Database, tmp_path: Path, xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:  # fmt: skip
    """While the first is under way and after it: no wait for it, no cache, and each pays."""
    xai_stand_in.settings(latency_seconds=1.0)
    values = {
        "xai_api_key": xai_stand_in.api_key, "xai_api_base": xai_stand_in.base_url,
        "supabase_jwt_secret": LEGACY_SECRET, "token_issuer": ISSUER, "poll_seconds": 0.2,
        "trusted_image_hosts": (picture_server.host_port,),
    }  # fmt: skip
    settings = load_settings(
        {}, tmp_path / "no.env", database_url=database_url, data_dir=tmp_path, **values
    )
    url = picture_server.add("same.png", plain("teal"))
    users = [await new_user(database_url) for _ in range(3)]
    first, second, third = (
        bearer(jwt.encode(claims_of(user, ISSUER), LEGACY_SECRET, "HS256")) for user in users
    )
    async with running(database_url, tmp_path, **values) as api, working(settings, database):
        a, b = await asked(api, first, url), await asked(api, second, url)

        async def both_at_work() -> bool:
            jobs = [await look(api, first, a), await look(api, second, b)]
            assert all(job["waitingReason"] is None for job in jobs if job["status"] != "queued")
            return [job["status"] for job in jobs] == ["processing"] * 2

        # One who waited for the other would be queued for as long as the call takes.
        await until(both_at_work, 20, every=0.02)
        found = [await ended(api, first, a), await ended(api, second, b)]
        found.append(await ended(api, third, await asked(api, third, url)))
        again = await ended(api, first, await asked(api, first, url))
        foreign = await api.get(a, headers=second | {"If-None-Match": "*"})
    assert [job["source"] for job in found] == ["model"] * 3
    assert again["source"] == "cache"
    assert len({frozenset(job) for job in found}) == 1
    assert (foreign.status, foreign.headers["Cache-Control"]) == (404, "no-store")
    assert "ETag" not in foreign.headers
    connection = await asyncpg.connect(database_url)
    try:
        paid = [await connection.fetchrow(COSTS, user) for user in users]
    finally:
        await connection.close()
    assert [row["calls"] for row in paid if row] == [1, 1, 1]
    assert all(row["usd"] > 0 for row in paid if row)
    assert len(xai_stand_in.calls()) == 3
