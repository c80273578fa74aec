"""The client for programs without asyncio."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from prompt_queue.client import calls
from prompt_queue.client.address import Address, Token
from prompt_queue.client.blocking import BlockingDoer
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


class PromptQueue:
    """A queue at an address. Threads may share it; close it at the end, or use `with`.

    `base_url` and `token` default to PROMPT_QUEUE_URL and PROMPT_QUEUE_TOKEN; a `token` may be a
    function that is called for each request. `act_for`: the user for whom an API key with the scope
    act_for acts. Every method raises PromptQueueError.
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
        self._doer = BlockingDoer(Address.of(base_url, token, act_for=act_for))
        self.jobs = Pictures(self._doer, self._think)
        self.rows = Rows(self._doer, self._think)

    def enqueue(
        self, *, row_id: Id, target_url: str, **options: Unpack[EnqueueOptions]
    ) -> Enqueued:
        """Queue a prompt; it is committed when this returns."""
        fields = {"row_id": row_id, "target_url": target_url}
        call = calls.post(calls.QUEUE, Enqueued, dict(options), **fields)
        return self._doer.run(self._think.perform(call))

    def get(self, job_id: Id) -> PromptJob:
        """The job as it stands."""
        return self._doer.run(self._think.perform(calls.PROMPTS.get(job_id)))

    def cancel(self, job_id: Id) -> Cancelled:
        """Cancel it, at once and for good. Raises Conflict if it has ended."""
        call = calls.PROMPTS.act("DELETE", job_id, Cancelled)
        return self._doer.run(self._think.perform(call))

    def retry(self, job_id: Id) -> Enqueued:
        """Put a failed job back with all its retries. Raises Conflict if it has not failed."""
        return self._doer.run(self._think.perform(calls.PROMPTS.retry(job_id, Enqueued)))

    def set_prompt(self, job_id: Id, text: str, *, successor: bool = False) -> PromptJob:
        """Complete it with a prompt by hand. Raises Conflict if one came first.

        `successor`: a job that has a prompt stays, and a new one carries yours.
        """
        call = calls.set_prompt(job_id, text, successor=successor)
        return self._doer.run(self._think.perform(call))

    def list(self, **chosen: Unpack[PromptFilter]) -> Iterator[PromptJob]:
        """Your jobs, newest first, page after page."""
        return self._doer.iterate(
            self._think.items(
                lambda cursor: calls.page(f"{calls.QUEUE}/jobs", PromptJob, chosen, cursor)
            )
        )

    def timeline(self, job_id: Id) -> Timeline:
        """What happened to it and what was paid."""
        return self._doer.run(self._think.perform(calls.PROMPTS.timeline(job_id)))

    def wait(self, job_id: Id, timeout: float | None = None) -> PromptJob:
        """The job when it has ended. Raises TimedOut after `timeout` seconds."""
        return self._doer.run(until_final(self._think, calls.PROMPTS, job_id, timeout))

    def watch(self, job_id: Id, *, last_event_id: int | None = None) -> Iterator[Update[PromptJob]]:
        """News of the job until it has ended; after the event `last_event_id`, where it is given.

        From the server's stream, or by polling where a stream does not come through.
        """
        watching = Watching(self._think, calls.PROMPTS, job_id, last_event_id)
        return self._doer.iterate(watching.updates())

    def watch_all(self, *, last_event_id: int | None = None) -> Iterator[Update[AnyJob]]:
        """News of all your jobs, without an end; after the event `last_event_id`, where given.

        From the server's stream, or from its lists where a stream does not come through.
        """
        return self._doer.iterate(WatchingAll(self._think, last_event_id).updates())

    def stats(self) -> QueueStats:
        """The queue at a glance."""
        return self._doer.run(self._think.perform(calls.get(calls.QUEUE, QueueStats)))

    def health(self) -> dict[str, Any]:
        """Everything that the server says about its health."""
        return self._doer.run(self._think.perform(calls.health()))

    def upload(self, picture: str | Path | bytes) -> Uploaded:
        """Store a JPEG, PNG or WebP, from a file or from memory."""
        data = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
        return self._doer.run(self._think.perform(calls.upload(data, Uploaded)))

    def close(self) -> None:
        """Close the connections."""
        self._doer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Pictures:
    """Jobs that become pictures."""

    def __init__(self, doer: BlockingDoer, think: Thinking) -> None:
        self._doer = doer
        self._think = think

    def create(self, *, row_id: Id, **options: Unpack[CreateOptions]) -> Created:
        """Make pictures, with a prompt of Grok's (`use_ai_prompt`), of yours, or of the row."""
        call = calls.post(f"{calls.JOBS}/create", Created, dict(options), row_id=row_id)
        return self._doer.run(self._think.perform(call))

    def get(self, job_id: Id) -> PictureJob:
        """The job as it stands, with its pictures."""
        return self._doer.run(self._think.perform(calls.PICTURES.get(job_id)))

    def list(self, **chosen: Unpack[PictureFilter]) -> Iterator[PictureJob]:
        """Your jobs, newest first, page after page."""
        return self._doer.iterate(
            self._think.items(lambda cursor: calls.page(calls.JOBS, PictureJob, chosen, cursor))
        )

    def cancel(self, job_id: Id) -> Cancelled:
        """Cancel what is left of it. Raises Conflict if it has ended."""
        call = calls.PICTURES.act("DELETE", job_id, Cancelled)
        return self._doer.run(self._think.perform(call))

    def retry(self, job_id: Id) -> PictureJob:
        """Make its failed pictures anew. Raises Conflict if none has failed."""
        return self._doer.run(self._think.perform(calls.PICTURES.retry(job_id, PictureJob)))

    def timeline(self, job_id: Id) -> Timeline:
        """What happened to job, prompt and pictures, and what was paid."""
        return self._doer.run(self._think.perform(calls.PICTURES.timeline(job_id)))

    def wait(self, job_id: Id, timeout: float | None = None) -> PictureJob:
        """The job when it has ended. Raises TimedOut after `timeout` seconds."""
        return self._doer.run(until_final(self._think, calls.PICTURES, job_id, timeout))

    def watch(
        self, job_id: Id, *, last_event_id: int | None = None
    ) -> Iterator[Update[PictureJob]]:
        """News of the job until it has ended; after the event `last_event_id`, if given."""
        watching = Watching(self._think, calls.PICTURES, job_id, last_event_id)
        return self._doer.iterate(watching.updates())


class Rows:
    """Rows of model_rows."""

    def __init__(self, doer: BlockingDoer, think: Thinking) -> None:
        self._doer = doer
        self._think = think

    def create(self, **options: Unpack[RowOptions]) -> Row:
        """A row of yours. Raises Unreachable (`sent`) where it is not known whether it was made."""
        return self._doer.run(self._think.perform(calls.make_row(Row, dict(options))))

    def list(self, *, page_size: int = 100) -> Iterator[Row]:
        """Your rows, newest first, page after page."""
        chosen = {"page_size": page_size}
        return self._doer.iterate(
            self._think.items(lambda cursor: calls.page(calls.ROWS, Row, chosen, cursor))
        )
