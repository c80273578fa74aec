"""New jobs that become pictures: job, prompt and idempotency key in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prompt_queue.jobs.ids import new_id
from prompt_queue.jobs.webhooks import Wish
from prompt_queue.store.database import Database, DatabaseRefused
from prompt_queue.store.intake import (
    IdempotencyKey,
    Reply,
    admit,
    explained,
    keep,
    place_in,
    reserved_before,
    trace_option,
)
from prompt_queue.store.prompt_store import JsonObject, Place
from prompt_queue.tracing.messages import PICTURES, sending

_LACKS_SOMETHING = "23514"


class JobIncomplete(Exception):
    """The row has no picture or no prompt; the message says what to send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPictureJob:
    """What a caller asks for; pictures and prompt that are None come from the row."""

    row_id: UUID
    user_id: UUID | None
    generation_model: str
    use_ai_prompt: bool = False
    prompt: str | None = None
    prompt_job_id: UUID | None = None
    target_url: str | None = None
    ref_urls: tuple[str, ...] | None = None
    width: int | None = None
    height: int | None = None
    count: int = 1
    priority: int = 5
    max_retries: int = 3
    metadata: Any = None
    webhook: Wish | None = None
    prompt_options: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A job that is there. `response` is what the first request with the key was told."""

    job_id: UUID
    prompt_job_id: UUID | None
    replayed: bool = False
    response: JsonObject | None = None


class PictureIntake:
    """Creates jobs, each exactly once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        job: NewPictureJob,
        key: IdempotencyKey | None = None,
        respond: Callable[[UUID, UUID | None, Place], Reply] | None = None,
    ) -> Created:
        """Create a job; with a key, a repeated request gets the first one's job and response.

        `respond(job_id, prompt_job_id, place)` makes the response that is remembered, with the
        place of its prompt. Raises RowMissing, KeyReused, TooMuch, JobIncomplete, JobRefused.
        """
        job_id, prompt_job_id = new_id(), new_id() if job.use_ai_prompt else None
        with sending(PICTURES, job_id):
            return await self._create(job, job_id, prompt_job_id, key, respond)

    async def _create(
        self,
        job: NewPictureJob,
        job_id: UUID,
        prompt_job_id: UUID | None,
        key: IdempotencyKey | None,
        respond: Callable[[UUID, UUID | None, Place], Reply] | None,
    ) -> Created:
        try:
            async with self._database.transaction() as transaction:
                if key is not None and (earlier := await reserved_before(transaction, key, job_id)):
                    return Created(
                        job_id=earlier["job_id"], prompt_job_id=None, replayed=True,
                        response=earlier["response"],
                    )  # fmt: skip
                await admit(transaction, job.user_id, int(job.use_ai_prompt), job.count)
                await transaction.row(
                    "create_picture_job", job.row_id, _request(job) | trace_option(), job.user_id,
                    job_id, prompt_job_id,
                )  # fmt: skip
                place = await place_in(transaction, prompt_job_id or job_id)
                reply = respond(job_id, prompt_job_id, place) if respond else None
                await keep(transaction, job_id, key, reply)
        except DatabaseRefused as error:
            if error.sqlstate == _LACKS_SOMETHING and error.hint:
                said = str(error).partition("\n")[0]
                raise JobIncomplete(f"{said[:1].upper()}{said[1:]}: {error.hint}.") from error
            raise explained(error, job.row_id) from error
        response = reply.response if reply else None
        return Created(job_id=job_id, prompt_job_id=prompt_job_id, response=response)


def _request(job: NewPictureJob) -> JsonObject:
    values: JsonObject = {
        "use_ai_prompt": job.use_ai_prompt,
        "prompt": job.prompt,
        "prompt_job_id": str(job.prompt_job_id) if job.prompt_job_id else None,
        "target_url": job.target_url,
        "ref_urls": None if job.ref_urls is None else list(job.ref_urls),
        "generation_model": job.generation_model,
        "width": job.width,
        "height": job.height,
        "count": job.count,
        "priority": job.priority,
        "max_retries": job.max_retries,
        "metadata": job.metadata,
        "webhook_url": job.webhook.url if job.webhook else None,
        "webhook_events": list(job.webhook.events) if job.webhook else None,
        "prompt_options": job.prompt_options,
    }
    return {name: value for name, value in values.items() if value is not None}
