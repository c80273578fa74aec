"""Planted secrets are in nothing that the product writes, shows or keeps."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, redirect_stderr
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import jwt
import pytest
from aiohttp import web

from prompt_queue.asgi import open_for_serving
from prompt_queue.generation.generator import Generator
from prompt_queue.guards.api_keys import ApiKey
from prompt_queue.jobs.scopes import Scope
from prompt_queue.settings import DEMO_USER_ID, load_settings, secrets_of
from prompt_queue.store.database import Database
from prompt_queue.store.key_store import KeyStore
from prompt_queue.telemetry import configure_logging
from prompt_queue.testing import PictureServer, StandIn, WaveSpeedStandIn
from tests.api.running import QUEUE, Api, Reply, running
from tests.conftest import until
from tests.delivery.receiver import Heard, Receiver, receiving
from tests.identity.conftest import bearer
from tests.identity.project import claims_of
from tests.output.canaries import (
    CRON,
    HOOK_QUERY,
    JWT_SECRET,
    PASSWORD,
    PICTURE,
    SAID,
    SERVICE,
    WAVESPEED,
    WEBHOOK,
    XAI,
    Search,
)
from tests.output.working import working
from tests.photographs import plain
from tests.tracing.conftest import Spans

FINAL = {"completed", "succeeded", "failed", "cancelled"}


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


@pytest.mark.timeout(150)
@pytest.mark.parametrize("form", ["json", "console"])
async def test_no_planted_secret_is_ever_seen_again(
    form: Literal["json", "console"], database_url: str, demo: UUID, tmp_path: Path, spans: Spans,
    picture_server: PictureServer, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Success, refusals that repeat the key, bugs, refused webhooks, a database that is away."""
    search, heard = Search(), io.StringIO()
    async with AsyncExitStack() as stack:
        xai = stack.enter_context(StandIn.start(api_key=XAI))
        wavespeed = stack.enter_context(WaveSpeedStandIn.start(api_key=WAVESPEED))
        storage = await stack.enter_async_context(echoing())
        receiver = await stack.enter_async_context(receiving())
        values = settings_of(xai, wavespeed, storage, receiver, picture_server)
        settings = load_settings(
            {}, tmp_path / "no.env", database_url=database_url, data_dir=tmp_path, **values
        )
        stack.enter_context(redirect_stderr(heard))
        configure_logging("debug", form, secrets_of(settings))
        api = await stack.enter_async_context(running(database_url, tmp_path, **values))
        database = await Database.open(database_url)
        stack.push_async_callback(database.close)
        key = ApiKey.make()
        await KeyStore(database).create(
            key.prefix, key.digest, "n", [Scope.ADMIN], user_id=None, seconds=None, actor="test"
        )
        token = jwt.encode(claims_of(DEMO_USER_ID, f"{storage}/auth/v1"), JWT_SECRET, "HS256")
        search.secrets |= {"API key": key.text, "access token": token}
        picture = picture_server.add("a.png", plain("teal")) + f"?sig={PICTURE}"
        walk = Walk(api, search, token, picture)

        await refusals(walk, key.text)
        endpoint = await endpoint_of(walk, receiver)
        async with working(settings, database):
            await successes(walk)
            await our_bugs(walk, monkeypatch)
            await provider_failures(walk, xai, wavespeed)
            await walk.call("POST", f"{endpoint}/test", json={})
            await until(lambda: says(receiver), 20)
            tries = await walk.call("GET", f"{endpoint}/deliveries")
            search.add("deliveries", tries.content.decode())
        away = f"postgresql://me:{PASSWORD}@127.0.0.1:9/x"
        opened, _ = await open_for_serving(settings, away)
        await opened.close()
        for path in ("/metrics", "/api/health", "/api/ops/overview", "/api/ops/jobs"):
            reply = await walk.call("GET", path, headers=bearer(key.text))
            assert reply.status == 200, (path, reply.content)
            shown = reply.content.decode()
            search.add(path, shown if path != "/api/ops/jobs" else shown.replace(picture, ""))
    await search.add_database(database_url)
    search.add("log", heard.getvalue())
    for span in spans.all():
        search.add("spans", span.to_json())
    assert "stopped by a bug of ours" in search.seen["log"]
    assert "server.error" in search.seen["log"]
    assert "database.away" in search.seen["log"]
    found = search.found()
    assert not found, "\n".join(map(str, found))


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


async def says(receiver: Receiver) -> bool:
    """Whether it was told of anything."""
    return bool(receiver.heard)


async def refusals(walk: Walk, key: str) -> None:
    """Each with the secret that was shown wrongly, or in the wrong place."""
    token = walk.headers["Authorization"].removeprefix("Bearer ")
    for shown in (f"{token}x", f"{key}x", f"{CRON}x", XAI, f"pqt_{token}"):
        reply = await walk.call("GET", "/api/me", headers=bearer(shown))
        assert reply.status == 401
    walk.search.secrets["ticket"] = "no-such-ticket-canary"
    nowhere = f"{QUEUE}/00000000-0000-4000-a000-00000000dead"
    for method, path, options in (
        ("GET", f"{nowhere}?ticket=no-such-ticket-canary", {"headers": {}}),
        ("GET", f"{QUEUE}/jobs?cursor={XAI}&limit={XAI}", {}),
        ("POST", QUEUE, {"data": f'{{"targetUrl": "{walk.picture}'}),
        ("POST", QUEUE, {"json": {"rowId": XAI, "targetUrl": f"ftp://me:{PASSWORD}@h/?{PICTURE}"}}),
        ("POST", QUEUE, {"json": {"targetUrl": [walk.picture], "priority": CRON}}),
        ("POST", "/api/cron/prompt-processor", {"headers": bearer(f"{CRON}x")}),
        ("POST", "/api/webhooks/wavespeed/canary", {"data": b"{}", "headers": {
            "webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": f"v3,{WEBHOOK}"}}),
        ("POST", "/api/webhooks/endpoints", {"json": {"url": f"http://h/?{HOOK_QUERY}"}}),
    ):  # fmt: skip
        own = {**walk.headers, "Content-Type": "application/json"}
        given = {"headers": own, **options}
        # What a client says of its own path comes back to it, and to nobody else.
        reply = await walk.call(method, path, **given)
        assert 400 <= reply.status < 500, (path, reply.status, reply.content)


async def endpoint_of(walk: Walk, receiver: Receiver) -> str:
    """A receiver that refuses, and says again whatever it was sent and more."""

    def refuse(heard: Heard) -> web.Response:
        said = f"{WEBHOOK} https://h.example/?t={HOOK_QUERY} Bearer {SERVICE} {heard.headers}"
        return web.Response(status=500, text=said)

    receiver.answer = refuse
    url = f"{receiver.url()}?t={HOOK_QUERY}"
    reply = await walk.call("POST", "/api/webhooks/endpoints", json={"url": url})
    assert reply.status == 201, reply.content
    return f"/api/webhooks/endpoints/{reply.body['id']}"


async def successes(walk: Walk) -> None:
    """A prompt, a picture, a ticket that is used."""
    row = await walk.row()
    assert (await walk.prompt(row))["status"] == "completed"
    assert (await walk.picture_job(row, useAiPrompt=True))["status"] == "succeeded"
    job = await walk.prompt(row)
    reply = await walk.call("POST", "/api/tickets", json={"promptJobId": job["promptJobId"]})
    assert reply.status == 201, reply.content
    ticket = reply.body["ticket"]
    walk.search.secrets["good ticket"] = ticket
    path = f"{QUEUE}/{job['promptJobId']}?ticket={ticket}"
    assert (await walk.call("GET", path, headers={})).status == 200


async def answered(xai: StandIn, count: int) -> bool:
    """Whether so many calls have their answer."""
    calls = await asyncio.to_thread(xai.calls)
    return sum(call["status"] is not None for call in calls) >= count


async def provider_failures(walk: Walk, xai: StandIn, wavespeed: WaveSpeedStandIn) -> None:
    """Both providers refuse, and repeat what they were shown: their key, and the pictures."""
    row = await walk.row()
    body = {"code": f"c {XAI}", "error": f"{XAI} for {walk.picture}"}
    xai.script(*({"fault": "status", "status": code, "body": body} for code in (500, 403)))
    assert (await walk.prompt(row, minQuality="any_model"))["status"] == "failed"
    xai.script({"fault": "status", "status": 401, "body": body})
    before = len(xai.calls())
    asked = {"rowId": row, "targetUrl": walk.picture}
    reply = await walk.call("POST", QUEUE, json=asked)
    await until(lambda: answered(xai, before + 1), 20)
    job_path = f"{QUEUE}/{reply.body['promptJobId']}"
    # With a key that does not open it waits for the operator.
    assert (await walk.call("DELETE", job_path)).status in {200, 204}
    await walk.ended(job_path)
    wavespeed.script({"fault": "fail", "text": f"odd {WAVESPEED} for {walk.picture}"})
    job = await walk.picture_job(row, prompt="Make the sky teal and keep the rest.")
    assert "It said: odd" in str(job)


async def our_bugs(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exceptions that say everything: in a worker, and in the server; a storage that echoes."""
    row = await walk.row()
    path = f"pictures/{DEMO_USER_ID}/a.png"
    await walk.prompt(row, targetUrl=path, minQuality="model")

    async def careless(*_: object) -> Any:
        raise RuntimeError(SAID) from ValueError(SAID)

    with monkeypatch.context() as patched:
        patched.setattr(Generator, "_fetch", careless)
        await walk.prompt(row, minQuality="model")
        patched.setattr(walk.api.parts.estimates, "stats", careless)
        assert (await walk.call("GET", QUEUE)).status == 500
