"""A station is one leg of a job's way: claim, handle, settle. The loop knows nothing else."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any, Protocol

from prompt_queue.failpoints import reached, under_way
from prompt_queue.generation.generator import Generator
from prompt_queue.generation.ledger import Ledger
from prompt_queue.jobs.backoff import RetryPolicy
from prompt_queue.jobs.errors import Following, LeaseLost, OurBug, PromptFailure, Unanswered
from prompt_queue.jobs.job import Claim, Leased, Status
from prompt_queue.jobs.outcome import Attached, Done, Outcome, decide
from prompt_queue.store.prompt_store import JsonObject, PromptStore, Settled
from prompt_queue.store.rows import outcome_as_json
from prompt_queue.telemetry import Event, log
from prompt_queue.tracing.messages import PROMPTS, received, receiving
from prompt_queue.worker.flights import StoreFlights
from prompt_queue.worker.grouped import Grouped
from prompt_queue.worker.patience import patiently


class Written(Protocol):
    """Whether an outcome counted, and where the job stands now."""

    @property
    def applied(self) -> bool:
        """It was written down."""

    @property
    def status(self) -> str | None:
        """None where there is no such job any more."""


class Station(Protocol):
    """What the loop asks of each leg."""

    async def claim(self, limit: int) -> Sequence[Leased]:
        """Take up to `limit` jobs."""

    async def held_back(self) -> float | None:
        """Seconds until jobs that wait may be given out; None where nothing holds them back."""

    async def handle(self, claim: Any) -> object:
        """Do the work and say what became of it; raises LeaseLost."""

    async def settle(self, claim: Any, outcome: Any) -> Written:
        """Write the outcome, or `Released`, down; SQL decides whether it still counts."""


class GenerationStation:
    """Pictures to prompt."""

    def __init__(
        self,
        store: PromptStore,
        generator: Generator,
        ledger: Ledger,
        policy: RetryPolicy,
        *,
        worker: str,
        lease_seconds: float,
        attempt_deadline: float,
        models: Sequence[str],
        patience: float,
        flights: StoreFlights | None = None,
    ) -> None:
        self._store = store
        self._generator = generator
        self._ledger = ledger
        self._policy = policy
        self._worker = worker
        self._lease_seconds = lease_seconds
        self._attempt_deadline = attempt_deadline
        self._models = tuple(models)
        self._patience = patience
        self._flights = flights
        self._settles: Grouped[JsonObject, Settled] = Grouped(self._write_outcomes)

    async def claim(self, limit: int) -> list[Claim]:
        """Take up to `limit` prompt jobs."""
        claiming = self._store.claim(
            limit,
            self._worker,
            self._lease_seconds,
            # Here the attempt ends by itself; a process that cannot even do that loses its lease.
            attempt_seconds=self._attempt_deadline + self._lease_seconds,
            models=self._models,
        )
        with receiving(PROMPTS) as span:
            claims = await under_way("claim.sent", claiming)
            received(span, claims)
        if claims:
            reached("claim.committed")
        return claims

    async def held_back(self) -> float | None:
        """Seconds until the gate of the first model lets jobs that wait be claimed."""
        return await self._store.held_back(self._models[0]) if self._models else None

    async def handle(self, claim: Claim) -> Outcome:
        """Ask Grok and decide; whatever goes wrong becomes an outcome, except a lost lease."""
        draw = random.random()  # noqa: S311 - jitter
        try:
            async with asyncio.timeout(self._attempt_deadline):
                return Done(await self._generator.generate(claim, self._ledger))
        except PromptFailure as caught:
            failure = caught
        except TimeoutError:
            failure = Unanswered()
        except LeaseLost:
            raise
        except Following:
            return Attached()
        except Exception as error:  # noqa: BLE001 - a bug must not lose the job
            log(Event.JOB_CRASHED, level="error", job_id=str(claim.job_id), exc_info=error)
            failure = OurBug()
        last_resort = await self._generator.last_resort(claim)
        outcome = decide(claim, failure, self._policy, draw, last_resort, patience=self._patience)
        if isinstance(outcome, Done):
            log(
                Event.JOB_DEGRADED,
                level="warning",
                job_id=str(claim.job_id),
                code=failure.code,
                source=outcome.prompt.source,
            )
        return outcome

    async def settle(self, claim: Claim, outcome: Outcome) -> Settled:
        """Write the outcome, together with those of its neighbours; waits for a lost database."""
        if isinstance(outcome, Attached):
            return Settled(job_id=claim.job_id, applied=True, status=Status.QUEUED)
        values = outcome_as_json(claim, outcome)
        if isinstance(outcome, Done) and self._flights:
            values["cache"] = self._flights.keeping(claim, outcome.prompt)
        return await self._settles.submit(values)

    async def _write_outcomes(self, outcomes: Sequence[JsonObject]) -> Sequence[Settled]:
        answers = await patiently(lambda: under_way("settle.sent", self._store.settle(outcomes)))
        reached("settle.committed")
        settled = {str(answer.job_id): answer for answer in answers}
        return [settled[outcome["job_id"]] for outcome in outcomes]
