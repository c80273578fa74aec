"""A server that asks for tokens, everybody who may come, and what must never be told to others."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import jwt
import requests

from prompt_queue.guards.api_keys import ApiKey
from prompt_queue.jobs.scopes import Scope
from prompt_queue.store.database import Database
from prompt_queue.store.key_store import KeyStore
from prompt_queue.store.prompt_store import PromptStore

ISSUER = "https://project.example/auth/v1"
SECRETS = {
    "SUPABASE_JWT_SECRET": "canary-jwt-secret-of-more-than-32-characters",
    "CRON_SECRET": "canary-cron-secret-of-the-laboratory",
    "XAI_API_KEY": "xai-canary-key-of-the-laboratory",
    "WAVESPEED_API_KEY": "canary-wavespeed-key-of-the-laboratory",
}
"""What nobody is ever told, whoever asks."""

# Nobody listens there, so that a call to a provider ends at once.
_NOWHERE = "http://127.0.0.1:9"
_READY_SECONDS = 60.0
QUEUE = "/api/prompt/queue"


@dataclass
class Person:
    """Somebody who sends requests. `canary` stands in everything of theirs, and `ids` name it.

    `is_nobody`: what they show opens nothing.
    """

    name: str
    credentials: str | None
    canary: str = ""
    user: UUID | None = None
    owner: "Person | None" = None
    is_operator: bool = False
    is_nobody: bool = False
    may_write: bool = True
    ids: dict[str, list[str]] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """What they show."""
        return {"Authorization": f"Bearer {self.credentials}"} if self.credentials else {}

    @property
    def knows(self) -> set[str]:
        """Whose canaries they may see."""
        return {self.canary, self.owner.canary if self.owner else ""} - {""}


@dataclass(frozen=True)
class World:
    """The server and its callers; `log` is what the server wrote."""

    url: str
    dsn: str
    people: tuple[Person, ...]
    log: Path

    @property
    def owners(self) -> list[Person]:
        """Those who have something that is theirs."""
        return [one for one in self.people if one.canary]

    def canaries_hidden_from(self, person: Person) -> set[str]:
        """What no answer to this person may hold."""
        if person.is_operator:
            return set()
        return {one.canary for one in self.owners} - person.knows

    def plant(self) -> None:
        """Give each owner new things of every kind, with the canary wherever there is a text."""
        for person in self.owners:
            asyncio.run(_plant(self, person))


@contextmanager
def open_world(dsn: str, folder: Path) -> Iterator[World]:
    """A server on a migrated database, killed at the end."""
    log = folder / "server.log"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PROMPT_QUEUE_")}
    ours = SECRETS | {
        "DATABASE_URL": dsn,
        "PROMPT_QUEUE_TOKEN_ISSUER": ISSUER,
        "PROMPT_QUEUE_DATA_DIR": str(folder / "data"),
        "PROMPT_QUEUE_CRON_BUDGET_SECONDS": "1",
        "XAI_API_BASE": _NOWHERE,
        "WAVESPEED_API_BASE": _NOWHERE,
    }
    with log.open("wb") as lines, subprocess.Popen(
        [sys.executable, "-m", "lab.requests.serving"], env=clean | ours,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=lines,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            url = process.stdout.readline().decode().strip()
            _wait(url)
            yield World(url, dsn, asyncio.run(_invite(dsn)), log)
        finally:
            process.kill()


def _wait(url: str) -> None:
    end = time.monotonic() + _READY_SECONDS
    while True:
        try:
            if requests.get(f"{url}/api/health/ready", timeout=5).status_code == 200:
                return
        except requests.RequestException:
            if time.monotonic() > end:
                raise
        time.sleep(0.1)


async def _invite(dsn: str) -> tuple[Person, ...]:
    users = [uuid4() for _ in range(3)]
    connection = await asyncpg.connect(dsn)
    try:
        now = int(await connection.fetchval("select extract(epoch from clock_timestamp())"))
        await connection.executemany(
            "insert into auth.users (id) values ($1)", [(user,) for user in users]
        )
    finally:
        await connection.close()
    database = await Database.open(dsn)
    try:
        first, second = (
            Person(name, _token(user, now), f"canary-{name[-1].lower()}-{uuid4().hex}", user)
            for name, user in zip(("user A", "user B"), users, strict=False)
        )
        reading = await _key(database, users[1], Scope.READ)
        admin = await _key(database, users[2], Scope.ADMIN)
        watching = await _key(database, users[2], Scope.OPS_READ)
        revoked = await _key(database, users[0], Scope.ADMIN)
        await KeyStore(database).revoke(revoked.split("_")[1], "lab")
    finally:
        await database.close()
    return (
        Person("no token", None, is_nobody=True),
        *_nobodies(users[0], now, revoked),
        second,
        Person("read-only key of B", reading, owner=second, may_write=False),
        Person("admin key", admin, is_operator=True),
        Person("key of a watching operator", watching, is_operator=True, may_write=False),
        Person("cron secret", SECRETS["CRON_SECRET"], is_operator=True),
        first,
    )


def _nobodies(user: UUID, now: int, revoked: str) -> tuple[Person, ...]:
    """Whoever shows something that was good once or elsewhere, or is the key of a whole project."""
    shown = {
        "anon key": _token(user, now, role="anon"),
        "service key": _token(user, now, role="service_role"),
        "expired token": _token(user, now, exp=now - 3600),
        "token for another audience": _token(user, now, aud="elsewhere"),
        "token of another issuer": _token(user, now, iss="https://elsewhere.example/auth/v1"),
        "wrong cron secret": SECRETS["CRON_SECRET"][:-1],
        "revoked key": revoked,
    }
    return tuple(Person(name, text, is_nobody=True) for name, text in shown.items())


def _token(user: UUID, now: int, **changed: object) -> str:
    said = {"iss": ISSUER, "sub": str(user), "aud": "authenticated", "role": "authenticated",
            "exp": now + 86_400, "iat": now} | changed  # fmt: skip
    return jwt.encode(said, SECRETS["SUPABASE_JWT_SECRET"], "HS256")


async def _key(database: Database, user: UUID, scope: Scope) -> str:
    key = ApiKey.make()
    made = await KeyStore(database).create(
        key.prefix, key.digest, "laboratory", [scope], user_id=user, seconds=None, actor="lab"
    )
    assert made is not None
    return key.text


async def _plant(world: World, person: Person) -> None:
    """Rows, jobs that wait, that have a prompt and that have failed, a picture and a receiver."""
    mark, picture = person.canary, f"https://images.example.com/{person.canary}.jpg"

    def send(method: str, path: str, body: Any) -> Any:
        reply = requests.request(
            method, world.url + path, json=body, headers=person.headers, timeout=30
        )
        reply.raise_for_status()
        return reply.json()

    row = send("POST", "/api/rows", {"targetUrl": picture})["rowId"]
    asked = {"rowId": row, "targetUrl": picture, "refUrls": [picture], "cache": "off"}
    words = {"operation": "enhance", "existingPrompt": mark, "userInstructions": mark}
    failed = send("POST", QUEUE, asked | words | {"priority": 10})["promptJobId"]
    await _fail_one(world)
    waiting, written = (
        send("POST", QUEUE, asked | words | {"priority": 1})["promptJobId"] for _ in range(2)
    )
    send("PUT", f"{QUEUE}/{written}/prompt", {"prompt": f"Make the sky {mark}."})
    send("PUT", f"{QUEUE}/{written}/feedback", {"verdict": "down", "text": mark})
    picture_job = send("POST", "/api/jobs/create", asked | {"useAiPrompt": True})["jobId"]
    hook = {"url": f"https://hooks.example.com/{mark}", "description": mark}
    if not person.ids:
        endpoint = send("POST", "/api/webhooks/endpoints", hook)["id"]
        delivery = send("POST", f"/api/webhooks/endpoints/{endpoint}/test", {})["deliveryId"]
        person.ids |= {"endpointId": [endpoint], "deliveryId": [delivery]}
    person.ids |= {
        "rowId": [row],
        "promptJobId": [waiting, written, failed],
        "jobId": [picture_job],
    }


async def _fail_one(world: World) -> None:
    """Whatever comes first in the queue fails, with its owner's canary in its error."""
    marks = {owner.user: owner.canary for owner in world.owners}
    database = await Database.open(world.dsn)
    try:
        store = PromptStore(database)
        for claim in await store.claim(1, "laboratory", 30):
            mark = marks.get(claim.user_id, "nothing")
            await store.settle([
                {"job_id": str(claim.job_id), "lease_token": str(claim.lease_token),
                 "outcome": "failed", "error": f"It said {mark}.", "error_code": "bad_input",
                 "delay_seconds": 0}
            ])  # fmt: skip
    finally:
        await database.close()
