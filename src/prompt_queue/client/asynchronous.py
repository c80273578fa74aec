"""The client for programs with asyncio."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from prompt_queue.client import calls
from prompt_queue.client.address import Address, Token
from prompt_queue.client.looping import LoopingDoer
from prompt_queue.client.models import (
    Cancelled,
    Created,
    Enqueued,
    PictureJob,
    PromptJob,
    QueueStats,
    Row,
    Timeline,
    Update,
    Uploaded,
)
from prompt_queue.client.options import (
    CreateOptions,
    EnqueueOptions,
    Id,
    PictureFilter,
    PromptFilter,
    RowOptions,
)
from prompt_queue.client.retrying import Patience, Thinking
from prompt_queue.client.waiting import until_final
from prompt_queue.client.watching import Watching
from prompt_queue.client.watching_all import AnyJob, WatchingAll


class AsyncPromptQueue:
    """A queue at an address, for one event loop; close it at the end, or use `async with`.

    `base_url` and `token` default to PROMPT_QUEUE_URL and PROMPT_QUEUE_TOKEN; a `token` may be a
    function, also an async one, that is called for each request. `act_for`: the user
    for whom an API key with the scope act_for acts. Every method raises PromptQueueError.
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: Token | None = None,
        *,
        patience: Patience | None = None,
        act_for: Id | None = None,
    ) -> None:
        self._think = Thinking(patience or Patience())
        self._doer = LoopingDoer(Address.of(base_url, token, act_for=act_for))
        self.jobs = AsyncPictures(self._doer, self._think)
        self.rows = AsyncRows(self._doer, self._think)

    async def enqueue(
        self, *, row_id: Id, target_url: str, **options: Unpack[EnqueueOptions]
    ) -> Enqueued:
        """Queue a prompt; it is committed when this returns."""
        fields = {"row_id": row_id, "target_url": target_url}
        call = calls.post(calls.QUEUE, Enqueued, dict(options), **fields)
        return await self._doer.run(self._think.perform(call))

    async def get(self, job_id: Id) -> PromptJob:
        """The job as it stands."""
        return await self._doer.run(self._think.perform(calls.PROMPTS.get(job_id)))

    async def cancel(self, job_id: Id) -> Cancelled:
        """Cancel it, at once and for good. Raises Conflict if it has ended."""
        call = calls.PROMPTS.act("DELETE", job_id, Cancelled)
        return await self._doer.run(self._think.perform(call))

    async def retry(self, job_id: Id) -> Enqueued:
        """Put a failed job back with all its retries. Raises Conflict if it has not failed."""
        return await self._doer.run(self._think.perform(calls.PROMPTS.retry(job_id, Enqueued)))

    async def set_prompt(self, job_id: Id, text: str, *, successor: bool = False) -> PromptJob:
        """Complete it with a prompt by hand. Raises Conflict if one came first.

        `successor`: a job that has a prompt stays, and a new one carries yours.
        """
        call = calls.set_prompt(job_id, text, successor=successor)
        return await self._doer.run(self._think.perform(call))

    def list(self, **chosen: Unpack[PromptFilter]) -> AsyncGenerator[PromptJob, None]:
        """Your jobs, newest first, page after page."""
        return self._doer.iterate(
            self._think.items(
                lambda cursor: calls.page(f"{calls.QUEUE}/jobs", PromptJob, chosen, cursor)
            )
        )

    async def timeline(self, job_id: Id) -> Timeline:
        """What happened to it and what was paid."""
        return await self._doer.run(self._think.perform(calls.PROMPTS.timeline(job_id)))

    async def wait(self, job_id: Id, timeout: float | None = None) -> PromptJob:
        """The job when it has ended. Raises TimedOut after `timeout` seconds."""
        return await self._doer.run(until_final(self._think, calls.PROMPTS, job_id, timeout))

    def watch(
        self, job_id: Id, *, last_event_id: int | None = None
    ) -> AsyncGenerator[Update[PromptJob], None]:
        """News of the job until it has ended; after the event `last_event_id`, where it is given.

        From the server's stream, or by polling where a stream does not come through.
        """
        watching = Watching(self._think, calls.PROMPTS, job_id, last_event_id)
        return self._doer.iterate(watching.updates())

    def watch_all(
        self, *, last_event_id: int | None = None
    ) -> AsyncGenerator[Update[AnyJob], None]:
        """News of all your jobs, without an end; after the event `last_event_id`, where given.

        From the server's stream, or from its lists where a stream does not come through.
        """
        return self._doer.iterate(WatchingAll(self._think, last_event_id).updates())

    async def stats(self) -> QueueStats:
        """The queue at a glance."""
        return await self._doer.run(self._think.perform(calls.get(calls.QUEUE, QueueStats)))

    async def health(self) -> dict[str, Any]:
        """Everything that the server says about its health."""
        return await self._doer.run(self._think.perform(calls.health()))

    async def upload(self, picture: str | Path | bytes) -> Uploaded:
        """Store a JPEG, PNG or WebP, from a file or from memory."""
        data = (
            picture
            if isinstance(picture, bytes)
            else await asyncio.to_thread(Path(picture).read_bytes)
        )
        return await self._doer.run(self._think.perform(calls.upload(data, Uploaded)))

    async def close(self) -> None:
        """Close the connections."""
        await self._doer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class AsyncPictures:
    """Jobs that become pictures."""

    def __init__(self, doer: LoopingDoer, think: Thinking) -> None:
        self._doer = doer
        self._think = think

    async def create(self, *, row_id: Id, **options: Unpack[CreateOptions]) -> Created:
        """Make pictures, with a prompt of Grok's (`use_ai_prompt`), of yours, or of the row."""
        call = calls.post(f"{calls.JOBS}/create", Created, dict(options), row_id=row_id)
        return await self._doer.run(self._think.perform(call))

    async def get(self, job_id: Id) -> PictureJob:
        """The job as it stands, with its pictures."""
        return await self._doer.run(self._think.perform(calls.PICTURES.get(job_id)))

    def list(self, **chosen: Unpack[PictureFilter]) -> AsyncGenerator[PictureJob, None]:
        """Your jobs, newest first, page after page."""
        return self._doer.iterate(
            self._think.items(lambda cursor: calls.page(calls.JOBS, PictureJob, chosen, cursor))
        )

    async def cancel(self, job_id: Id) -> Cancelled:
        """Cancel what is left of it. Raises Conflict if it has ended."""
        call = calls.PICTURES.act("DELETE", job_id, Cancelled)
        return await self._doer.run(self._think.perform(call))

    async def retry(self, job_id: Id) -> PictureJob:
        """Make its failed pictures anew. Raises Conflict if none has failed."""
        return await self._doer.run(self._think.perform(calls.PICTURES.retry(job_id, PictureJob)))

    async def timeline(self, job_id: Id) -> Timeline:
        """What happened to job, prompt and pictures, and what was paid."""
        return await self._doer.run(self._think.perform(calls.PICTURES.timeline(job_id)))

    async def wait(self, job_id: Id, timeout: float | None = None) -> PictureJob:
        """The job when it has ended. Raises TimedOut after `timeout` seconds."""
        return await self._doer.run(until_final(self._think, calls.PICTURES, job_id, timeout))

    def watch(
        self, job_id: Id, *, last_event_id: int | None = None
    ) -> AsyncGenerator[Update[PictureJob], None]:
        """News of the job until it has ended; after the event `last_event_id`, if given."""
        watching = Watching(self._think, calls.PICTURES, job_id, last_event_id)
        return self._doer.iterate(watching.updates())


class AsyncRows:
    """Rows of model_rows."""

    def __init__(self, doer: LoopingDoer, think: Thinking) -> None:
        self._doer = doer
        self._think = think

    async def create(self, **options: Unpack[RowOptions]) -> Row:
        """A row of yours. Raises Unreachable (`sent`) where it is not known whether it was made."""
        return await self._doer.run(self._think.perform(calls.make_row(Row, dict(options))))

    def list(self, *, page_size: int = 100) -> AsyncGenerator[Row, None]:
        """Your rows, newest first, page after page."""
        chosen = {"page_size": page_size}
        return self._doer.iterate(
            self._think.items(lambda cursor: calls.page(calls.ROWS, Row, chosen, cursor))
        )
