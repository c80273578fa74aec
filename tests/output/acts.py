"""What a user does, and what goes wrong meanwhile, so that secrets could get out."""

import asyncio
import itertools
from typing import Any

import pytest
from aiohttp import web

from prompt_queue.generation.generator import Generator
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.testing import StandIn, WaveSpeedStandIn
from tests.api.running import QUEUE
from tests.conftest import until
from tests.delivery.receiver import Heard, Receiver
from tests.identity.conftest import bearer
from tests.output.canaries import (
    CRON,
    HOOK_QUERY,
    PASSWORD,
    PICTURE,
    SAID,
    SERVICE,
    WAVESPEED,
    WEBHOOK,
    XAI,
)
from tests.output.walking import Walk


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


def own_secret(walk: Walk, name: str, secret: str) -> str:
    """One that signs webhooks; it is looked for as a whole, and without its beginning."""
    walk.search.secrets |= {name: secret, f"{name}, bare": secret.removeprefix("whsec_")}
    return secret


async def endpoint_of(walk: Walk, receiver: Receiver) -> str:
    """A receiver that refuses, and says again whatever it was sent, and all secrets of its own.

    Each of them is shown once: when it is made.
    """
    url = f"{receiver.url()}?t={HOOK_QUERY}"
    reply = await walk.call("POST", "/api/webhooks/endpoints", json={"url": url})
    assert reply.status == 201, reply.content
    path = f"/api/webhooks/endpoints/{reply.body['id']}"
    own = [own_secret(walk, "secret of the endpoint", reply.body["secret"])]
    reply = await walk.call("POST", f"{path}/rotate-secret", json={})
    assert reply.status == 200, reply.content
    own.append(own_secret(walk, "new secret of the endpoint", reply.body["secret"]))
    reply = await walk.call("POST", "/api/webhooks/secret", json={})
    assert reply.status == 200, reply.content
    single = own_secret(walk, "secret of single requests", reply.body["secret"])
    turns = itertools.count()

    def refuse(heard: Heard) -> web.Response:
        known = [single] if heard.path == "/single" else own
        bare = [secret.removeprefix("whsec_") for secret in known]
        texts = (
            f"{' '.join(own)} {single} {' '.join(bare)}",
            f"{WEBHOOK} https://h.example/?t={HOOK_QUERY} Bearer {SERVICE} {heard.headers}",
            # Where an answer is cut, half a secret may be left.
            *(f"{'.' * 490}{secret}" for secret in bare),
        )
        # A single request is told of one job, so there is one try.
        turn = 0 if heard.path == "/single" else next(turns)
        return web.Response(status=500, text=texts[turn % len(texts)])

    receiver.answer = refuse
    return path


async def says(receiver: Receiver) -> bool:
    """Whether it has answered with each of its texts."""
    paths = [heard.path for heard in receiver.heard]
    return paths.count("/hook") >= 5 and "/single" in paths


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
