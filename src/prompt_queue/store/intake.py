"""New jobs come in: one transaction for the job, its idempotency key and the remembered answer."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from prompt_queue.jobs.ids import new_id
from prompt_queue.jobs.job import CacheUse, MinQuality, Operation
from prompt_queue.jobs.priority import DEFAULT
from prompt_queue.jobs.webhooks import Wish
from prompt_queue.store.database import Database, DatabaseRefused, Transaction
from prompt_queue.store.prompt_store import JsonObject


class RowMissing(Exception):
    """The row does not exist, or belongs to somebody else."""


class KeyReused(Exception):
    """The idempotency key was used for a different request within the last 24 hours."""


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
        respond: Callable[[UUID, int], JsonObject] | None = None,
    ) -> Enqueued:
        """Queue a job; with a key, a repeated request gets the first one's job and response.

        `respond(job_id, ahead)` makes the response that is remembered with the key.
        Raises RowMissing, KeyReused, JobRefused, DatabaseUnavailable.
        """
        job_id = new_id()
        try:
            async with self._database.transaction() as transaction:
                if key is not None and (earlier := await reserved_before(transaction, key, job_id)):
                    return Enqueued(
                        job_id=earlier["job_id"], ahead=0, replayed=True,
                        response=earlier["response"],
                    )  # fmt: skip
                await transaction.row(
                    "enqueue",
                    job.row_id,
                    job.target_url,
                    list(job.ref_urls),
                    job.priority,
                    job.user_id,
                    job.max_retries,
                    job_id,
                    job.options,
                )
                if job.webhook:
                    await transaction.row(
                        "want_webhook", job_id, job.webhook.url, list(job.webhook.events)
                    )
                position = await transaction.row("position", job_id)
                ahead = (position["position"] if position else None) or 0
                response = respond(job_id, ahead) if respond else None
                if key is not None:
                    await transaction.row(
                        "keep_idempotent_response", key.user_id, key.key, response
                    )
        except DatabaseRefused as error:
            raise explained(error, job.row_id) from error
        return Enqueued(job_id=job_id, ahead=ahead, response=response)


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


def explained(error: DatabaseRefused, row_id: UUID) -> Exception:
    """Why a job was not taken."""
    if error.sqlstate == "P0002":
        return RowMissing(f"There is no row {row_id} that you may use.")
    return JobRefused(str(error))
