"""Two users of one server with a worker, and all that the database knows of each."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

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

ISSUER = "http://127.0.0.1:9/auth/v1"
FINAL = {"completed", "succeeded", "failed", "cancelled"}
_TABLES = """
select table_name from information_schema.tables
where table_schema = 'public' and table_type = 'BASE TABLE' order by table_name
"""
# The janitor notes there later how good our own estimates were.
_SCORES = "prompt_promises"


@dataclass(frozen=True)
class User:
    """Somebody with a token, and what the API says to them."""

    api: Api
    id: UUID
    headers: dict[str, str] = field(repr=False)

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """The body of a good answer."""
        headers = self.headers | options.pop("headers", {})
        reply = await self.api.call(method, path, headers=headers, **options)
        assert reply.status < 300, reply.content
        return reply.body if reply.content else None

    async def prompt(self, url: str, **fields: Any) -> str:
        """A row and a prompt job about the picture; the address of the job."""
        made = await self.call("POST", "/api/rows", json={"targetUrl": url})
        body = {"rowId": made["rowId"], "targetUrl": url} | fields
        return f"{QUEUE}/{(await self.call('POST', QUEUE, json=body))['promptJobId']}"

    async def picture(self, url: str, **fields: Any) -> str:
        """A row and a picture job; the address of the job."""
        made = await self.call("POST", "/api/rows", json={"targetUrl": url})
        body = {"rowId": made["rowId"], "targetUrl": url} | fields
        return f"/api/jobs/{(await self.call('POST', '/api/jobs/create', json=body))['jobId']}"

    async def ended(self, path: str) -> dict[str, Any]:
        """The job when it is over."""

        async def final() -> dict[str, Any] | None:
            job: dict[str, Any] = await self.call("GET", path)
            return job if job["status"] in FINAL else None

        return dict(await until(final, 40))


@dataclass(frozen=True)
class Strangers:
    """The server, its users, and a way to look past it."""

    api: Api
    users: tuple[User, ...]
    connection: asyncpg.Connection

    async def known_of(self, user: User) -> dict[str, list[str]]:
        """Every row of every table that has the user, or one of their jobs, in a column."""
        own = {str(user.id)}
        jobs = await self.connection.fetch(
            "select id from public.prompt_generation_jobs where user_id = $1 union "
            "select job_id from public.picture_jobs where user_id = $1", user.id,
        )  # fmt: skip
        own |= {str(job["id"]) for job in jobs}
        found = {}
        for record in await self.connection.fetch(_TABLES):
            table = record["table_name"]
            rows = await self.connection.fetch(f'select to_jsonb(t) as row from public."{table}" t')
            found[table] = sorted(
                row["row"] for row in rows if own & set(map(str, json.loads(row["row"]).values()))
            )
        return {table: rows for table, rows in found.items() if rows and table != _SCORES}

    async def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """What a statement finds."""
        found = await self.connection.fetch(query, *arguments)
        return [json.loads(row["row"]) for row in found]


@asynccontextmanager
async def strangers(
    database_url: str, folder: Path, xai: StandIn, pictures: PictureServer, count: int = 2,
    *, at_work: bool = True, **more: Any,
) -> AsyncIterator[Strangers]:  # fmt: skip
    """A server, a worker unless told otherwise, and users; `more` are settings."""
    values: dict[str, Any] = {
        "xai_api_key": xai.api_key, "xai_api_base": xai.base_url,
        "supabase_jwt_secret": LEGACY_SECRET, "token_issuer": ISSUER, "poll_seconds": 0.2,
        "trusted_image_hosts": (pictures.host_port,), "retry_base_delay_ms": 20,
        "retry_jitter": "none",
    } | more  # fmt: skip
    settings = load_settings(
        {}, folder / "no.env", database_url=database_url, data_dir=folder, **values
    )
    ids = [await new_user(database_url) for _ in range(count)]
    connection = await asyncpg.connect(database_url)
    database = await Database.open(database_url)
    try:
        async with running(database_url, folder, **values) as api:
            users = tuple(
                User(api, one, bearer(jwt.encode(claims_of(one, ISSUER), LEGACY_SECRET, "HS256")))
                for one in ids
            )
            given = Strangers(api, users, connection)
            if not at_work:
                yield given
            else:
                async with working(settings, database):
                    yield given
    finally:
        await database.close()
        await connection.close()


@dataclass
class Untouched:
    """A server of somebody else, and how often anybody came."""

    url: str = ""
    visits: int = 0


@asynccontextmanager
async def untouched() -> AsyncIterator[Untouched]:
    """It takes connections, counts them, and says nothing."""
    here = Untouched()

    def come(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.visits += 1
        writer.close()

    server = await asyncio.start_server(come, "127.0.0.1", 0)
    here.url = "http://{}:{}/x".format(*server.sockets[0].getsockname()[:2])
    try:
        yield here
    finally:
        server.close()
        await server.wait_closed()
