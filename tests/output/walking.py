"""A user, a server, both stand-ins and a receiver, a secret in each place for one."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jwt
from aiohttp import web

from prompt_queue.guards.api_keys import ApiKey
from prompt_queue.jobs.scopes import Scope
from prompt_queue.settings import DEMO_USER_ID, Settings, load_settings, secrets_of
from prompt_queue.store.database import Database
from prompt_queue.store.key_store import KeyStore
from prompt_queue.telemetry import configure_logging
from prompt_queue.testing import PictureServer, StandIn, WaveSpeedStandIn
from tests.api.running import QUEUE, Api, Reply, running
from tests.conftest import until
from tests.delivery.receiver import Receiver, receiving
from tests.identity.conftest import bearer
from tests.identity.project import claims_of
from tests.output.canaries import (
    CRON,
    JWT_SECRET,
    PICTURE,
    SERVICE,
    WAVESPEED,
    WEBHOOK,
    XAI,
    Search,
)
from tests.photographs import plain

FINAL = {"completed", "succeeded", "failed", "cancelled"}
Form = Literal["json", "console"]


@asynccontextmanager
async def echoing() -> AsyncIterator[str]:
    """A storage that answers 500 with everything that it was sent."""

    async def echo(request: web.Request) -> web.Response:
        return web.Response(status=500, text=f"{dict(request.headers)} {await request.text()}")

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


class Walk:
    """One user's way through everything that can go right and wrong."""

    def __init__(self, api: Api, search: Search, token: str, picture: str) -> None:
        self.api, self.search, self.picture = api, search, picture
        self.headers = bearer(token)

    async def call(self, method: str, path: str, **options: Any) -> Reply:
        """A request; the body of a refusal, and every header, is looked through."""
        options.setdefault("headers", self.headers)
        reply = await self.api.call(method, path, **options)
        place = path.partition("?")[0]
        self.search.add(f"headers of {place}", str(dict(reply.headers)))
        if reply.status >= 400:
            self.search.add(f"{reply.status} of {place}", reply.content.decode())
        return reply

    async def row(self) -> str:
        reply = await self.call("POST", "/api/rows", json={"targetUrl": self.picture})
        assert reply.status == 201, reply.content
        return str(reply.body["rowId"])

    async def prompt(self, row: str, **fields: Any) -> dict[str, Any]:
        """A job to its end, its timeline and its error looked through."""
        body = {"rowId": row, "targetUrl": self.picture} | fields
        reply = await self.call("POST", QUEUE, json=body)
        assert reply.status == 202, reply.content
        return await self.ended(f"{QUEUE}/{reply.body['promptJobId']}")

    async def picture_job(self, row: str, **fields: Any) -> dict[str, Any]:
        body = {"rowId": row, "targetUrl": self.picture} | fields
        reply = await self.call("POST", "/api/jobs/create", json=body)
        assert reply.status == 202, reply.content
        return await self.ended(f"/api/jobs/{reply.body['jobId']}")

    async def ended(self, path: str) -> dict[str, Any]:
        async def final() -> dict[str, Any] | None:
            reply = await self.call("GET", path)
            assert reply.status == 200, reply.content
            body: dict[str, Any] = reply.body
            return body if body["status"] in FINAL else None

        job = await until(final, 40)
        timeline = await self.call("GET", f"{path}/timeline")
        self.search.add("timelines", timeline.content.decode())
        kept = {k: v for k, v in job.items() if not k.lower().endswith(("url", "urls"))}
        self.search.add("jobs", json.dumps(kept))
        return job


@dataclass(frozen=True)
class Ground:
    """Where the user walks. `heard` is the log; `key` opens everything to an operator."""

    walk: Walk
    xai: StandIn
    wavespeed: WaveSpeedStandIn
    receiver: Receiver
    settings: Settings
    database: Database
    key: str
    heard: io.StringIO = field(default_factory=io.StringIO)


@asynccontextmanager
async def walking(
    database_url: str, folder: Path, pictures: PictureServer, form: Form = "json", **more: Any
) -> AsyncIterator[Ground]:
    """Everything runs but a worker; `more` are settings."""
    heard = io.StringIO()
    async with AsyncExitStack() as stack:
        xai = stack.enter_context(StandIn.start(api_key=XAI))
        wavespeed = stack.enter_context(WaveSpeedStandIn.start(api_key=WAVESPEED))
        storage = await stack.enter_async_context(echoing())
        receiver = await stack.enter_async_context(receiving())
        values = settings_of(xai, wavespeed, storage, receiver, pictures) | more
        settings = load_settings(
            {}, folder / "no.env", database_url=database_url, data_dir=folder, **values
        )
        stack.enter_context(redirect_stderr(heard))
        configure_logging("debug", form, secrets_of(settings))
        api = await stack.enter_async_context(running(database_url, folder, **values))
        database = await Database.open(database_url)
        stack.push_async_callback(database.close)
        key = ApiKey.make()
        await KeyStore(database).create(
            key.prefix, key.digest, "n", [Scope.ADMIN], user_id=None, seconds=None, actor="test"
        )
        token = jwt.encode(claims_of(DEMO_USER_ID, f"{storage}/auth/v1"), JWT_SECRET, "HS256")
        search = Search()
        search.secrets |= {"API key": key.text, "access token": token}
        picture = pictures.add("a.png", plain("teal")) + f"?sig={PICTURE}"
        walk = Walk(api, search, token, picture)
        yield Ground(walk, xai, wavespeed, receiver, settings, database, key.text, heard)


def settings_of(
    xai: StandIn, wavespeed: WaveSpeedStandIn, storage: str, receiver: Receiver,
    pictures: PictureServer,
) -> dict[str, Any]:  # fmt: skip
    """Every secret that a setting can hold."""
    return {
        "xai_api_key": XAI,
        "xai_api_base": xai.base_url,
        "wavespeed_api_key": WAVESPEED,
        "wavespeed_api_base": wavespeed.base_url,
        "wavespeed_level": "none",
        "wavespeed_webhook_secret": WEBHOOK,
        "supabase_url": storage,
        "supabase_jwt_secret": JWT_SECRET,
        "supabase_service_key": SERVICE,
        "storage_paths": ("pictures/{user_id}/",),
        "cron_secret": CRON,
        "trusted_image_hosts": (pictures.host_port,),
        "trusted_webhook_hosts": (receiver.host_port,),
        "models": ("grok-4.7", "grok-4.6", "grok-4.3"),
        "max_retries": 0,
        "poll_seconds": 0.2,
        "cache_seconds": 0.0,
    }
