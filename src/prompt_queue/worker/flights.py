"""The cache and the flights of identical requests, in PostgreSQL, as the generator sees them."""

from collections.abc import Sequence
from uuid import UUID

from prompt_queue.generation.cache import KnownPrompt
from prompt_queue.jobs.errors import Following, LeaseLost
from prompt_queue.jobs.job import CacheUse, Claim
from prompt_queue.jobs.outcome import GeneratedPrompt
from prompt_queue.store.flight_store import FlightStore, Joined
from prompt_queue.store.prompt_store import JsonObject
from prompt_queue.worker.grouped import Grouped
from prompt_queue.worker.patience import patiently

EVERYBODY = UUID(int=0)
"""The scope of all users together, where the operator lets them share."""


class StoreFlights:
    """Joins in groups. `seconds` is how long a prompt may be given again."""

    def __init__(self, store: FlightStore, *, seconds: float, shared: bool) -> None:
        self._store = store
        self._seconds = seconds
        self._shared = shared
        self._joins: Grouped[JsonObject, Joined] = Grouped(self._join)

    async def join(self, claim: Claim, key: str) -> KnownPrompt | None:
        """See `generation.cache.Cache`; waits while the database is away."""
        joined = await self._joins.submit(
            {
                "job_id": str(claim.job_id),
                "lease_token": str(claim.lease_token),
                "scope": str(self._scope(claim)),
                "key": key,
                "refresh": claim.cache is CacheUse.REFRESH,
            }
        )
        match joined.verdict:
            case "hit":
                return KnownPrompt(joined.prompt or "", joined.model, joined.strategy)
            case "follow":
                raise Following
            case "lease_lost":
                raise LeaseLost
        return None

    def keeping(self, claim: Claim, prompt: GeneratedPrompt) -> JsonObject | None:
        """What the outcome of a job says so that its prompt is kept; None: it is not."""
        if prompt.cache_key is None:
            return None
        return {
            "scope": str(self._scope(claim)), "key": prompt.cache_key, "seconds": self._seconds,
        }  # fmt: skip

    def _scope(self, claim: Claim) -> UUID:
        return EVERYBODY if self._shared else claim.user_id

    async def _join(self, joins: Sequence[JsonObject]) -> Sequence[Joined]:
        answers = await patiently(lambda: self._store.join(joins))
        return [answers[UUID(join["job_id"])] for join in joins]
