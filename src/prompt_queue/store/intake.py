"""New jobs come in: one transaction for the job, its idempotency key and the remembered answer."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from prompt_queue.jobs.ids import new_id
from prompt_queue.jobs.job import CacheUse, MinQuality, Operation
from prompt_queue.jobs.priority import DEFAULT
from prompt_queue.jobs.webhooks import Wish
from prompt_queue.store.database import Database, DatabaseRefused, Transaction
from prompt_queue.store.prompt_store import JsonObject, Place
from prompt_queue.store.wait_store import Promise, note_promise
from prompt_queue.tracing import traceparent
from prompt_queue.tracing.messages import PROMPTS, sending


class RowMissing(Exception):
    """The row does not exist, or belongs to somebody else."""


class KeyReused(Exception):
    """The idempotency key was used for a different request within the last 24 hours."""


class TooMuch(Exception):
    """The user has as many open jobs, or has asked for as many pictures today, as they may.

    `allowed` is how many; `retry_seconds` until the day is over, None: until a job has ended.
    """

    def __init__(self, what: str, allowed: int, retry_seconds: float | None) -> None:
        super().__init__(what)
        self.what = what
        self.allowed = allowed
        self.retry_seconds = retry_seconds


class JobRefused(Exception):
    """The database's own checks refuse the job; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What a caller asks for. `user_id` None: the row's owner, unchecked (trusted callers)."""

    row_id: UUID
    target_url: str
    ref_urls: tuple[str, ...] = ()
    priority: int = DEFAULT
    user_id: UUID | None = None
    max_retries: int = 3
    min_quality: MinQuality = MinQuality.TEMPLATE_OK
    operation: Operation = Operation.GENERATE
    existing_prompt: str | None = None
    user_instructions: str | None = None
    identity_consent: bool | None = None
    cache: CacheUse = CacheUse.USE
    stream: bool = False
    webhook: Wish | None = None

    @property
    def options(self) -> JsonObject:
        """What differs from the defaults, as enqueue_prompt_job() takes it."""
        values: JsonObject = {
            "min_quality": None if self.min_quality is MinQuality.TEMPLATE_OK else self.min_quality,
            "operation": None if self.operation is Operation.GENERATE else self.operation,
            "existing_prompt": self.existing_prompt,
            "user_instructions": self.user_instructions,
            "identity_consent": self.identity_consent,
            "cache": None if self.cache is CacheUse.USE else self.cache,
            "stream": self.stream or None,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """The caller's key, in the scope of the user, and what the request was (a hash of it)."""

    user_id: UUID
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the first request is told, and what it is promised, if anything."""

    response: JsonObject
    promise: Promise | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """A job that is in the queue. `response` is what the first request with the key was told."""

    job_id: UUID
    ahead: int
    replayed: bool = False
    response: JsonObject | None = None


class Intake:
    """Puts jobs into the queue, each exactly once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enqueue(
        self,
        job: NewJob,
        key: IdempotencyKey | None = None,
        respond: Callable[[UUID, Place], Reply] | None = None,
    ) -> Enqueued:
        """Queue a job; with a key, a repeated request gets the first one's job and response.

        `respond(job_id, place)` makes the response that is remembered with the key; what it
        promises is written down.
        Raises RowMissing, KeyReused, TooMuch, JobRefused, DatabaseUnavailable.
        """
        job_id = new_id()
        with sending(PROMPTS, job_id):
            return await self._enqueue(job, job_id, key, respond)

    async def _enqueue(
        self,
        job: NewJob,
        job_id: UUID,
        key: IdempotencyKey | None,
        respond: Callable[[UUID, Place], Reply] | None,
    ) -> Enqueued:
        try:
            async with self._database.transaction() as transaction:
                if key is not None and (earlier := await reserved_before(transaction, key, job_id)):
                    return Enqueued(
                        job_id=earlier["job_id"], ahead=0, replayed=True,
                        response=earlier["response"],
                    )  # fmt: skip
                await admit(transaction, job.user_id, 1, 0)
                await transaction.row(
                    "enqueue",
                    job.row_id,
                    job.target_url,
                    list(job.ref_urls),
                    job.priority,
                    job.user_id,
                    job.max_retries,
                    job_id,
                    job.options | trace_option(),
                )
                if job.webhook:
                    await transaction.row(
                        "want_webhook", job_id, job.webhook.url, list(job.webhook.events)
                    )
                place = await place_in(transaction, job_id)
                reply = respond(job_id, place) if respond else None
                await keep(transaction, job_id, key, reply)
        except DatabaseRefused as error:
            raise explained(error, job.row_id) from error
        response = reply.response if reply else None
        return Enqueued(job_id=job_id, ahead=place.ahead, response=response)


def trace_option() -> JsonObject:
    """The present span for the row, where there is one."""
    here = traceparent()
    return {} if here is None else {"trace_context": here}


async def reserved_before(
    transaction: Transaction, key: IdempotencyKey, job_id: UUID
) -> JsonObject | None:
    """Takes the key for a new job, or says what an equal request got. Raises KeyReused."""
    reserved = await transaction.row(
        "reserve_idempotency_key", key.user_id, key.key, key.fingerprint, job_id
    )
    if reserved is not None:
        return None
    earlier = await transaction.row("read_idempotency_key", key.user_id, key.key)
    if earlier is None or earlier["fingerprint"] != key.fingerprint:
        raise KeyReused(key.key)
    return dict(earlier)


async def admit(transaction: Transaction, user: UUID | None, prompts: int, pictures: int) -> None:
    """Wait for others of the user, and count. Raises TooMuch; trusted callers have no limit."""
    if user is None:
        return
    row = await transaction.row("admit", user, prompts, pictures)
    assert row is not None  # noqa: S101 - the function always returns a row
    if row["verdict"] != "admitted":
        raise TooMuch(row["verdict"], row["allowed"], row["retry_seconds"])


async def place_in(transaction: Transaction, job_id: UUID) -> Place:
    """Where a job that was just queued stands; first, where it does not wait at all."""
    row = await transaction.row("place", job_id)
    if row is None or row["ahead"] is None:
        return Place(ahead=0, next_attempt_at=None)
    return Place(**dict(row))


async def keep(
    transaction: Transaction, job_id: UUID, key: IdempotencyKey | None, reply: Reply | None
) -> None:
    """Remember what is answered, for repeats, and what is promised."""
    if key is not None:
        response = reply.response if reply else None
        await transaction.row("keep_idempotent_response", key.user_id, key.key, response)
    if reply is not None and reply.promise is not None:
        await note_promise(transaction, job_id, reply.promise)


def explained(error: DatabaseRefused, row_id: UUID) -> Exception:
    """Why a job was not taken."""
    if error.sqlstate == "P0002":
        return RowMissing(f"There is no row {row_id} that you may use.")
    return JobRefused(str(error))
