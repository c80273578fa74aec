"""The cost book as the generator sees it: an intent before each call, its ending after."""

from collections.abc import Sequence
from uuid import UUID

from prompt_queue.failpoints import reached
from prompt_queue.jobs.errors import LeaseLost, ModelPaused, OutcomeUnknown
from prompt_queue.jobs.ids import new_id
from prompt_queue.jobs.job import Claim
from prompt_queue.jobs.outcome import CallEnd
from prompt_queue.store.prompt_store import JsonObject, PromptStore
from prompt_queue.worker.grouped import Grouped
from prompt_queue.worker.patience import patiently

PAUSED_SECONDS = 5.0
"""How long a job waits that was claimed just before all its models were paused."""


class StoreLedger:
    """Writes intents and endings in groups."""

    def __init__(self, store: PromptStore, worker: str) -> None:
        self._store = store
        self._worker = worker
        self._intents: Grouped[JsonObject, str] = Grouped(self._begin)
        self._ends: Grouped[CallEnd, None] = Grouped(self._end)

    async def intend(self, claim: Claim, model: str) -> UUID:
        """Commit the intent of one paid call; only then may a byte leave.

        Waits while the database is away. Raises LeaseLost, ModelPaused, OutcomeUnknown.
        """
        call_id = new_id()
        reached("intent.before")
        verdict = await self._intents.submit(
            {
                "call_id": str(call_id),
                "job_id": str(claim.job_id),
                "lease_token": str(claim.lease_token),
                "model": model,
                "worker": self._worker,
            }
        )
        if verdict == "lease_lost":
            raise LeaseLost
        if verdict == "model_paused":
            raise ModelPaused(retry_after=PAUSED_SECONDS)
        if verdict == "outcome_unknown":
            raise OutcomeUnknown
        reached("intent.committed")
        return call_id

    async def record(self, end: CallEnd) -> None:
        """Write how a call ended."""
        await self._ends.submit(end)

    async def _begin(self, calls: Sequence[JsonObject]) -> Sequence[str]:
        verdicts = await patiently(lambda: self._store.begin_calls(calls))
        return [verdicts[UUID(call["call_id"])] for call in calls]

    async def _end(self, ends: Sequence[CallEnd]) -> Sequence[None]:
        await patiently(lambda: self._store.end_calls(ends))
        return [None] * len(ends)
