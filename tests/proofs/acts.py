"""The queue's SQL functions as acts of one client on a connection of its own."""

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg

from tests.conftest import until

FINAL = ("completed", "failed", "cancelled")
PROMPT = "Paint the wall blue."
BY_HAND = "Make the coat red."


@dataclass(frozen=True, slots=True)
class Facts:
    """What the tables say about a job."""

    status: str
    prompt: str | None
    retry_count: int
    state: str | None
    token: UUID | None
    events: tuple[str, ...]
    unanswered: int

    @property
    def endings(self) -> int:
        """How often the log says that the job became final."""
        return sum(kind in FINAL for kind in self.events)


async def waits(onlooker: asyncpg.Connection, session: asyncpg.Connection) -> bool:
    """Whether the session is behind somebody's lock."""
    answer: bool = await onlooker.fetchval(
        "select cardinality(pg_blocking_pids($1)) > 0", session.get_server_pid()
    )
    return answer


class Acts:
    """Calls the functions by their SQL names, with nothing of the Python store in between."""

    def __init__(self, connection: asyncpg.Connection, row: UUID) -> None:
        self.connection = connection
        self.row = row

    @classmethod
    async def open(cls, url: str) -> "Acts":
        """A client whose jobs belong to a row of its own."""
        connection = await asyncpg.connect(url)
        user, model, row = uuid4(), uuid4(), uuid4()
        await connection.execute("insert into auth.users (id) values ($1)", user)
        await connection.execute(
            "insert into public.models (id, user_id) values ($1, $2)", model, user
        )
        await connection.execute(
            "insert into public.model_rows (id, model_id, user_id) values ($1, $2, $3)",
            row, model, user,
        )  # fmt: skip
        return cls(connection, row)

    async def overtakes(
        self, act: Awaitable[object], other: "Acts", late: Awaitable[object]
    ) -> object:
        """The answer to what the other starts while this act is done but not yet committed."""

        async def on_its_way() -> bool:
            return task.done() or await waits(self.connection, other.connection)

        async with self.connection.transaction():
            await act
            task = asyncio.ensure_future(late)
            await until(on_its_way, every=0)
        return await task

    async def close(self) -> None:
        await self.connection.close()

    async def clear(self) -> None:
        """Remove every job with all that belongs to it."""
        await self.connection.execute(
            "delete from public.jobs; delete from public.picture_jobs;"
            "delete from public.picture_webhooks; delete from public.prompt_generation_jobs;"
            "delete from public.prompt_job_queue;"
            "delete from public.prompt_job_events; delete from public.provider_calls;"
            "delete from public.prompt_model_health; delete from public.prompt_operator_log;"
            "delete from public.prompt_queue_pauses; delete from public.prompt_queue_tally;"
            "delete from public.prompt_model_limits; delete from public.prompt_model_gates;"
            "delete from public.prompt_flights; delete from public.prompt_cache;"
            "delete from public.prompt_partials; delete from public.prompt_promises;"
            "delete from public.prompt_promise_tally;"
            "delete from public.prompt_queue_paused_priorities;"
            "delete from public.webhook_endpoints; delete from public.webhook_messages;"
            "delete from public.webhook_requests; delete from public.webhook_secrets;"
            "delete from public.webhook_tally; delete from public.prompt_queue_alerts"
        )

    async def enqueue(self, max_retries: int = 3, priority: int = 5) -> UUID:
        answer: UUID = await self.connection.fetchval(
            "select public.enqueue_prompt_job("
            "$1, 'https://example.com/a', p_max_retries => $2, p_priority => $3)",
            self.row, max_retries, priority,
        )  # fmt: skip
        return answer

    async def claim(self, limit: int = 1, attempt: float | None = None) -> dict[UUID, UUID]:
        """The tokens of the claimed jobs."""
        rows = await self.connection.fetch(
            "select c.id, c.lease_token from public.claim_prompt_jobs($1, 'w', 300, $2) c",
            limit, attempt,
        )  # fmt: skip
        return {row["id"]: row["lease_token"] for row in rows}

    async def heartbeat(self, job: UUID, token: UUID) -> bool:
        held = await self.connection.fetch(
            "select h from public.heartbeat_prompt_jobs($1, $2, 300) h", [job], [token]
        )
        return len(held) == 1

    async def settle(
        self,
        job: UUID,
        token: UUID,
        outcome: str,
        prompt: str = PROMPT,
        delay: float = 0,
        code: str | None = None,
    ) -> tuple[bool, str]:
        """Whether it was applied, and the status that the answer names."""
        values: dict[str, object] = {"job_id": str(job), "lease_token": str(token)}
        values |= {"outcome": outcome, "delay_seconds": delay, "error_code": code}
        values |= {"prompt": prompt} if outcome == "completed" else {"error": "It broke."}
        row = await self.connection.fetchrow(
            "select s.applied, s.status from public.settle_prompt_jobs($1::jsonb) s",
            json.dumps([values]),
        )
        return row["applied"], row["status"]

    async def update(self, job: UUID, status: str, token: UUID | None = None) -> bool:
        """The mission's four arguments, and a token for those who have one."""
        answer: bool = await self.connection.fetchval(
            "select public.update_prompt_job_status($1, $2, $3, $4, $5)",
            job, status, PROMPT if status == "completed" else None, None, token,
        )  # fmt: skip
        return answer

    async def cancel(self, job: UUID, user: UUID | None = None) -> str:
        answer: str = await self.connection.fetchval(
            "select c.outcome from public.cancel_prompt_job($1, $2) c", job, user
        )
        return answer

    async def retry(self, job: UUID, user: UUID | None = None) -> str:
        answer: str = await self.connection.fetchval(
            "select r.outcome from public.retry_prompt_job($1, $2) r", job, user
        )
        return answer

    async def supply(self, job: UUID, prompt: str = BY_HAND, user: UUID | None = None) -> str:
        """A prompt by hand."""
        answer: str = await self.connection.fetchval(
            "select s.outcome from public.supply_prompt($1, $2, $3) s", job, prompt, user
        )
        return answer

    async def reap(self) -> int:
        answer: int = await self.connection.fetchval("select public.free_expired_prompt_leases()")
        return answer

    async def expire(self, job: UUID) -> None:
        """Let the lease have run out."""
        await self.connection.execute(
            "update public.prompt_job_queue set lease_until = clock_timestamp() - interval '1 s' "
            "where job_id = $1 and state = 'leased'",
            job,
        )

    async def wake(self) -> None:
        """Let the time of every delayed job have come."""
        await self.connection.execute(
            "update public.prompt_job_queue set next_attempt_at = clock_timestamp() "
            "where state = 'delayed'"
        )

    async def begin(self, job: UUID, token: UUID, call: UUID | None = None) -> str:
        """The ledger's verdict on a paid call."""
        intent = {"call_id": str(call or uuid4()), "job_id": str(job)}
        intent |= {"lease_token": str(token), "model": "grok-4.7"}
        answer: str = await self.connection.fetchval(
            "select b.verdict from public.begin_provider_calls($1::jsonb) b", json.dumps([intent])
        )
        return answer

    async def begin_all(
        self, job: UUID, token: UUID, calls: list[UUID], retry_count: int = 0
    ) -> list[str]:
        """The verdicts on paid calls of a worker that knows of breakers, in one statement."""
        intent = {"job_id": str(job), "lease_token": str(token), "model": "grok-4.7"}
        intents = [intent | {"call_id": str(call), "retry_count": retry_count} for call in calls]
        rows = await self.connection.fetch(
            "select b.verdict from public.begin_provider_calls($1::jsonb) b", json.dumps(intents)
        )
        return [row["verdict"] for row in rows]

    async def end_all(self, signs: dict[UUID, str]) -> None:
        """Calls are answered, and say about their model what the word says."""
        ends = [
            {"call_id": str(call), "answered": True, "breaker": sign, "error_code": sign}
            for call, sign in signs.items()
        ]
        await self.connection.execute(
            "select public.end_provider_calls($1::jsonb)", json.dumps(ends)
        )

    async def end(self, call: UUID, answered: bool) -> int:
        answer: int = await self.connection.fetchval(
            "select public.end_provider_calls($1::jsonb)",
            json.dumps([{"call_id": str(call), "answered": answered}]),
        )
        return answer

    async def miscounted(self) -> list[str]:
        """The final statuses of which the statistics do not say how many jobs have them."""
        rows = await self.connection.fetch(
            """
            select f.status, (select count(*) from public.prompt_generation_jobs j
                where j.status = f.status) as there,
              coalesce((select sum(t.jobs) from public.prompt_queue_tally t
                where t.status = f.status), 0) as counted
            from unnest($1::text[]) as f (status)
            """,
            FINAL,
        )
        return [str(tuple(row)) for row in rows if row["there"] != row["counted"]]

    async def facts(self, job: UUID) -> Facts:
        row = await self.connection.fetchrow(
            """
            select j.status, j.generated_prompt as prompt, j.retry_count, q.state,
              q.lease_token as token,
              array(select e.kind from public.prompt_job_events e
                where e.job_id = j.id order by e.id) as events,
              (select count(*) from public.provider_calls c where c.job_id = j.id
                and c.state <> 'answered' and c.started_at > coalesce(j.retried_at, '-infinity')
              ) as unanswered
            from public.prompt_generation_jobs j
            left join public.prompt_job_queue q on q.job_id = j.id
            where j.id = $1
            """,
            job,
        )
        return Facts(**{**dict(row), "events": tuple(row["events"])})
