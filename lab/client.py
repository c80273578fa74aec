"""The client that puts jobs in: repeats what got no answer, and writes down what it was told."""

import asyncio
import io
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import asyncpg
from PIL import Image

from prompt_queue.jobs.job import MinQuality
from prompt_queue.store.connecting import LOST
from prompt_queue.store.database import Database, DatabaseUnavailable
from prompt_queue.store.intake import IdempotencyKey, Intake, NewJob
from prompt_queue.testing import PictureServer

_AT_ONCE = 1000
_PAUSE_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0
_MODEL = """
with owner as (insert into auth.users default values returning id)
insert into public.models (user_id, name) select id, 'lab' from owner returning id
"""
_OWNERS = """
with owner as (
  insert into auth.users (id) select gen_random_uuid() from generate_series(1, $2) returning id
)
insert into public.model_rows (model_id, user_id) select $1, id from owner returning user_id, id
"""


class Client:
    """Every key has an owner of its own, so that what the provider hears tells the job."""

    def __init__(
        self, dsn: str, pictures: PictureServer, history: Path, dice: random.Random
    ) -> None:
        self.surprises: list[str] = []
        self.qualities: Sequence[MinQuality] = (MinQuality.TEMPLATE_OK,)
        self._dsn = dsn
        self._pictures = pictures
        self._history = history
        self._dice = dice
        self._owners: dict[str, tuple[UUID, UUID]] = {}
        self._free: list[tuple[UUID, UUID]] = []
        self._model: UUID | None = None

    async def enqueue(self, database: Database, key: str | None = None) -> None:
        """Ask until there is an answer, or for 30 seconds; each job has a picture of its own."""
        name = f"{self._dice.randbytes(8).hex()}.png"
        url = self._pictures.add(name, self._picture())
        key = key or name
        owner, row = await self._owner_of(key)
        # By the key: a repeat asks for the same.
        quality = random.Random(key).choice(self.qualities)
        job = NewJob(row_id=row, target_url=url, min_quality=quality)
        once = IdempotencyKey(user_id=owner, key=key, fingerprint=key.encode())
        self._note(key, owner, "invoke")
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while not await self._ask(database, job, once) and time.monotonic() < give_up:
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _ask(self, database: Database, job: NewJob, once: IdempotencyKey) -> bool:
        try:
            answer = await Intake(database).enqueue(job, once)
        except DatabaseUnavailable:
            self._note(once.key, once.user_id, "info")
            return False
        except Exception as error:  # noqa: BLE001 - the laboratory wants to know of every one
            self._note(once.key, once.user_id, "info")
            self.surprises.append(f"the intake raised {type(error).__name__}: {error}")
        else:
            self._note(once.key, once.user_id, "ok", answer.job_id)
        return True

    async def _owner_of(self, key: str) -> tuple[UUID, UUID]:
        while key not in self._owners and not self._free:
            try:
                await self._register()
            except (asyncpg.PostgresError, *LOST):
                await asyncio.sleep(_PAUSE_SECONDS)
        if key not in self._owners:
            self._owners[key] = self._free.pop()
        return self._owners[key]

    async def _register(self) -> None:
        connection = await asyncpg.connect(self._dsn)
        try:
            self._model = self._model or await connection.fetchval(_MODEL)
            rows = await connection.fetch(_OWNERS, self._model, _AT_ONCE)
            self._free += [(row["user_id"], row["id"]) for row in rows]
        finally:
            await connection.close()

    def _note(self, key: str, owner: UUID, outcome: str, job_id: UUID | None = None) -> None:
        line = {"key": key, "owner": str(owner), "outcome": outcome}
        if job_id is not None:
            line["job_id"] = str(job_id)
        with self._history.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _picture(self) -> bytes:
        file = io.BytesIO()
        Image.frombytes("RGB", (32, 32), self._dice.randbytes(32 * 32 * 3)).save(file, "PNG")
        return file.getvalue()
