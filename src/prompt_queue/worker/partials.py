"""Texts that models are writing, stored for whoever watches: one statement for all of them."""

import asyncio
from uuid import UUID

from prompt_queue.jobs.job import Claim
from prompt_queue.store.database import DatabaseRefused, DatabaseUnavailable
from prompt_queue.store.prompt_store import JsonObject
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.telemetry import Event, log

EVERY_SECONDS = 0.3
"""Least time between two statements of one worker, however many texts grow."""

MOST_CHARACTERS = 4000


class StorePartials:
    """The newest text of each job; what came between two statements is never written."""

    def __init__(self, store: WorkerStore, every_seconds: float = EVERY_SECONDS) -> None:
        self._store = store
        self._every_seconds = every_seconds
        self._changed: dict[UUID, JsonObject] = {}
        self._writing: asyncio.Task[None] | None = None

    def show(self, claim: Claim, text: str) -> None:
        """See `generation.partials.Partials`."""
        self._note(claim, _storable(text[:MOST_CHARACTERS]))

    def forget(self, claim: Claim) -> None:
        """See `generation.partials.Partials`."""
        self._note(claim, None)

    def stop(self) -> None:
        """Write no more; what is stored counts only as long as its lease."""
        if self._writing is not None:
            self._writing.cancel()

    def _note(self, claim: Claim, text: str | None) -> None:
        self._changed[claim.job_id] = {
            "job_id": str(claim.job_id),
            "lease_token": str(claim.lease_token),
            "partial": text,
        }
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._changed:
            batch, self._changed = list(self._changed.values()), {}
            try:
                await self._store.note_partials(batch)
            except (DatabaseUnavailable, DatabaseRefused) as error:
                # The prompt itself comes in any case.
                log(Event.PARTIALS_DROPPED, level="debug", reason=str(error))
            await asyncio.sleep(self._every_seconds)


def _storable(text: str) -> str:
    """Without what PostgreSQL has no place for: NUL and halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
