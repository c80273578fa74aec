"""The SQL functions of pictures as acts of one client."""

import json
from typing import Any
from uuid import UUID, uuid4

from asyncpg import Record

from tests.proofs.acts import PROMPT, Acts

BOUGHT, LOST = "submitted", "submission_unknown"


class Pictures:
    """Pictures of the row of a client; nothing of the Python store is in between."""

    def __init__(self, queue: Acts) -> None:
        self.queue = queue
        self._sql = queue.connection

    async def create(self, *, with_prompt: bool = False, **more: Any) -> UUID:
        """A job with its pictures."""
        request = {"target_url": "https://example.com/a", "generation_model": "m"} | more
        request |= {"use_ai_prompt": True} if with_prompt else {"prompt": PROMPT}
        answer: UUID = await self._sql.fetchval(
            "select c.job_id from public.create_picture_job($1, $2::jsonb) c",
            self.queue.row, json.dumps(request),
        )  # fmt: skip
        return answer

    async def claim(self, limit: int = 1) -> list[Record]:
        return list(
            await self._sql.fetch("select * from public.claim_picture_jobs($1, 'w', 300)", limit)
        )

    async def claim_one(self) -> Record:
        """All that is due: one picture."""
        rows = await self.claim(9)
        assert len(rows) == 1
        return rows[0]

    async def claimed(self, **more: Any) -> tuple[UUID, UUID, UUID]:
        """A new job, its picture, and the token by which that is held."""
        job = await self.create(**more)
        row = (await self.claim())[0]
        assert row["job_id"] == job
        return job, row["id"], row["lease_token"]

    async def settle(
        self, picture: UUID, token: UUID, outcome: str, **more: Any
    ) -> tuple[bool, str]:
        """Whether it was applied, and the status that the answer names."""
        values = {"picture_id": str(picture), "lease_token": str(token), "outcome": outcome}
        row = await self._sql.fetchrow(
            "select s.applied, s.status from public.settle_picture_jobs($1::jsonb) s",
            json.dumps([values | more]),
        )
        return row["applied"], row["status"]

    async def begin(self, picture: UUID, token: UUID) -> tuple[UUID, str]:
        """The intent of a submit, and the ledger's verdict."""
        call = uuid4()
        intent = {
            "call_id": str(call), "job_id": str(picture), "lease_token": str(token),
            "model": "wavespeed", "provider": "wavespeed", "leg": "picture", "retry_count": 0,
        }  # fmt: skip
        verdict = await self._sql.fetchval(
            "select b.verdict from public.begin_provider_calls($1::jsonb) b", json.dumps([intent])
        )
        return call, verdict

    async def end(self, call: UUID, *, answered: bool, code: str | None = None) -> None:
        end = {"call_id": str(call), "answered": answered, "error_code": code}
        await self._sql.execute("select public.end_provider_calls($1::jsonb)", json.dumps([end]))

    async def call(self, call: UUID) -> Record:
        return await self._sql.fetchrow(
            "select * from public.provider_calls where call_id = $1", call
        )

    async def hint(self, call: UUID, prediction: str, webhook: str | None = None) -> str:
        answer: str = await self._sql.fetchval(
            "select public.note_picture_hint($1, $2, $3)", call, prediction, webhook or str(uuid4())
        )
        return answer

    async def lose(self, picture: UUID) -> int:
        """Its lease runs out, and somebody looks after it."""
        await self._sql.execute(
            "update public.picture_jobs set lease_until = clock_timestamp() - interval '1 s' "
            "where id = $1 and lease_until is not null", picture,
        )  # fmt: skip
        answer: int = await self._sql.fetchval("select public.free_expired_picture_leases()")
        return answer

    async def wake(self) -> None:
        """Let the time of everything that waits for it have come."""
        await self._sql.execute(
            "update public.picture_jobs set due_at = clock_timestamp() where due_at is not null"
        )

    async def cancel(self, job: UUID, user: UUID | None = None) -> Record:
        return await self._sql.fetchrow(
            "select * from public.cancel_picture_job($1, $2)", job, user
        )

    async def retry(self, job: UUID, user: UUID | None = None) -> str:
        answer: str = await self._sql.fetchval("select public.retry_picture_job($1, $2)", job, user)
        return answer

    async def resolve(self, picture: UUID, cost: float) -> None:
        await self._sql.execute("select public.resolve_picture_call($1, $2)", picture, cost)

    async def row(self, picture: UUID) -> Record:
        return await self._sql.fetchrow("select * from public.picture_jobs where id = $1", picture)

    async def of(self, job: UUID) -> list[Record]:
        """The pictures of a job."""
        return list(
            await self._sql.fetch(
                "select * from public.picture_jobs where job_id = $1 order by number", job
            )
        )

    async def kinds(self, job: UUID) -> list[str]:
        """What the log says of a job."""
        rows = await self._sql.fetch(
            "select kind from public.prompt_job_events where job_id = $1 order by id", job
        )
        return [row["kind"] for row in rows]
