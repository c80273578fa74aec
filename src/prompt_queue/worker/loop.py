"""The only loop: claim as many jobs as there are free slots, work on each by itself, settle."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from functools import partial

from prompt_queue.jobs.errors import LeaseLost
from prompt_queue.jobs.job import Leased
from prompt_queue.jobs.outcome import Released
from prompt_queue.store.database import DatabaseRefused, DatabaseUnavailable
from prompt_queue.telemetry import Event, log
from prompt_queue.tracing import Span
from prompt_queue.worker.leases import HeldLeases
from prompt_queue.worker.spans import attempt_at, note_outcome, settle_of, word_of
from prompt_queue.worker.stations import Station

SHORTEST_PAUSE = 0.05
CLAIM_GRACE_SECONDS = 2.0
GATHER_SECONDS = 0.004
CLAIMED, LOST, REFUSED = "claimed", "lost", "refused"
"""What a tally counts beside the outcomes that were written down."""


class WorkLoop:
    """Runs until told to stop; a slow job holds up nobody but itself."""

    def __init__(
        self,
        stations: Sequence[Station],
        leases: HeldLeases,
        *,
        slots: int,
        claim_limit: int,
        poll_seconds: float,
        drain_seconds: float,
        settled: Event | None = Event.JOB_SETTLED,
    ) -> None:
        """`settled` is what each applied outcome is logged as; None: the station tells it."""
        self._stations = stations
        self._leases = leases
        self._slots = slots
        self._claim_limit = claim_limit
        self._poll_seconds = poll_seconds
        self._drain_seconds = drain_seconds
        self._settled = settled
        self._running: set[asyncio.Task[None]] = set()
        self._handling: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self.tally: Counter[str] = Counter()

    @property
    def slots(self) -> int:
        """How many are handled at once, at most."""
        return self._slots

    @property
    def running(self) -> int:
        """How many are handled now."""
        return len(self._running)

    def wake(self) -> None:
        """There may be work: look at once."""
        self._wake.set()

    def stop(self) -> None:
        """Claim no more; finish what runs within the drain time, then hand the rest back."""
        self._stopping.set()
        self._wake.set()

    def hurry(self) -> None:
        """Hand everything back now."""
        self.stop()
        self._hurry.set()
        for task in self._handling:
            task.cancel()

    async def run(self) -> None:
        """Work until `stop`. Between bursts of work it waits for `wake`."""
        pulse = asyncio.create_task(self._show_progress())
        try:
            pause = SHORTEST_PAUSE
            while not self._stopping.is_set():
                self._wake.clear()
                claimed = await self._fill_slots()
                pause = SHORTEST_PAUSE if claimed else min(pause * 2, self._poll_seconds)
                if not claimed and (held_back := await self._held_back()) is not None:
                    # It is known when to look again, so nobody has to be woken.
                    pause = SHORTEST_PAUSE
                    await self._rest(min(held_back, self._poll_seconds) + random.uniform(0, 0.05))  # noqa: S311
                    continue
                # An idle loop asks no more by itself; the janitor looks for both of them.
                idle = pause >= self._poll_seconds
                await self._rest(None if idle else pause * random.uniform(0.75, 1))  # noqa: S311
                await self._gather()
            await self._drain(self._drain_seconds)
        finally:
            pulse.cancel()

    async def run_until_empty(self, budget: float) -> None:
        """Work until nothing is claimable or, in seconds, the budget is used up."""
        pulse = asyncio.create_task(self._show_progress())
        clock = asyncio.get_running_loop().time
        end = clock() + budget
        last_claim = end - budget * 0.4
        try:
            while clock() < last_claim:
                claimed = await self._fill_slots()
                if not claimed and not self._running:
                    held_back = await self._held_back()
                    if held_back is None or clock() + held_back >= last_claim:
                        return
                    await self._rest(held_back)
                    continue
                self._wake.clear()
                await self._rest(self._poll_seconds)
            await self._drain(end - clock())
        finally:
            pulse.cancel()

    async def _gather(self) -> None:
        """Jobs end in company: a claim for one of them would be followed by one for the next."""
        if self._running and self._slots - len(self._running) < self._claim_limit:
            await asyncio.sleep(GATHER_SECONDS)

    async def _fill_slots(self) -> int:
        total = 0
        for station in self._stations:
            while (free := self._slots - len(self._running)) > 0 and not self._stopping.is_set():
                asked = min(free, self._claim_limit)
                claims = await self._claim(station, asked)
                for claim in claims:
                    self._start(station, claim)
                total += len(claims)
                if len(claims) < asked:
                    break
        self.tally[CLAIMED] += total
        return total

    async def _held_back(self) -> float | None:
        if self._slots <= len(self._running) or self._stopping.is_set():
            return None
        try:
            waits = [await station.held_back() for station in self._stations]
        except (DatabaseUnavailable, DatabaseRefused):
            return None
        return min((wait for wait in waits if wait is not None), default=None)

    async def _claim(self, station: Station, limit: int) -> list[Leased]:
        claiming = asyncio.create_task(station.claim(limit))
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({claiming, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not claiming.done():
            # A claim takes milliseconds; a silent database must not hold up the end.
            await asyncio.wait({claiming}, timeout=CLAIM_GRACE_SECONDS)
            claiming.cancel()
            await asyncio.wait({claiming}, timeout=CLAIM_GRACE_SECONDS)
        if not claiming.done() or claiming.cancelled():
            return []
        try:
            return list(claiming.result())
        except (DatabaseUnavailable, DatabaseRefused) as error:
            log(Event.DATABASE_AWAY, level="warning", reason=str(error))
            return []

    def _start(self, station: Station, claim: Leased) -> None:
        task = asyncio.create_task(self._work_on(station, claim))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _work_on(self, station: Station, claim: Leased) -> None:
        with attempt_at(claim) as span:
            await self._attempt(station, claim, span)

    async def _attempt(self, station: Station, claim: Leased, span: Span) -> None:
        outcome = await self._handle(station, claim)
        if outcome is None:
            span.fail(LeaseLost.__name__)
            self._leases.drop(claim)
            self.tally[LOST] += 1
            log(Event.JOB_LEASE_LOST, level="warning", job_id=str(claim.job_id))
            return
        note_outcome(span, outcome)
        try:
            with settle_of(claim, outcome) as settle:
                settled = await station.settle(claim, outcome)
                settle.note({"prompt_queue.applied": settled.applied})
        except DatabaseRefused as error:
            log(Event.DATABASE_REFUSED, level="error", job_id=str(claim.job_id), reason=str(error))
            return
        finally:
            self._leases.drop(claim)
        word = word_of(outcome)
        self.tally[word if settled.applied else REFUSED] += 1
        event = self._settled if settled.applied else Event.JOB_OUTCOME_REFUSED
        if event is not None:
            log(event, job_id=str(claim.job_id), outcome=word, status=settled.status)

    async def _handle(self, station: Station, claim: Leased) -> object | None:
        """The outcome, `Released` when this worker hurries, None when the lease is lost."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        lost = False

        def lose() -> None:
            nonlocal lost
            # What is settled already is for the database to refuse.
            if task in self._handling:
                lost = True
                task.cancel()

        self._leases.hold(claim, partial(loop.call_soon_threadsafe, lose))
        if self._hurry.is_set():
            return Released()
        self._handling.add(task)
        try:
            return await station.handle(claim)
        except LeaseLost:
            return None
        except asyncio.CancelledError:
            while task.cancelling():
                task.uncancel()
            return None if lost else Released()
        finally:
            self._handling.discard(task)

    async def _drain(self, seconds: float) -> None:
        self._stopping.set()
        if not self._running:
            return
        log(Event.WORKER_DRAINING, running=len(self._running))
        hurrying = asyncio.create_task(self._hurry.wait())
        everything = asyncio.create_task(asyncio.wait(set(self._running)))
        await asyncio.wait(
            [hurrying, everything], timeout=max(seconds, 0), return_when=asyncio.FIRST_COMPLETED
        )
        hurrying.cancel()
        self.hurry()
        await everything

    async def _rest(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _show_progress(self) -> None:
        while True:
            self._leases.made_progress()
            await asyncio.sleep(0.1)
