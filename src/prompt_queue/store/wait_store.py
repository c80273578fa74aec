"""What forecasts of waits are made of, and what was promised."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from asyncpg import Record

from prompt_queue.jobs.calibration import REMEMBERED, Scored
from prompt_queue.jobs.eta import FIRST_GUESS, Expectation, Forecast, Pace
from prompt_queue.jobs.waiting import ModelState
from prompt_queue.store.database import Database, Transaction

Leg = Literal["prompt", "picture"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a client is told about a job when it comes in."""

    leg: Leg
    priority: int
    expected: Expectation
    forecast: Forecast

    def as_json(self) -> Mapping[str, float]:
        """The names of note_prompt_promise()."""
        expected = self.expected
        return {
            "start_base": expected.start,
            "start_spread": expected.start_spread,
            "done_base": expected.done,
            "done_spread": expected.done_spread,
        } | asdict(self.forecast)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Of promises of a kind (start, done, picture): how many were tested, and held their p90."""

    kind: str
    kept: int
    scored: int
    coverage: float


@dataclass(frozen=True, slots=True)
class Model:
    """What keeps calls from a model, and the calls a second that its gate lets pass (None: all)."""

    state: ModelState
    rate: float | None


@dataclass(frozen=True, slots=True)
class Tests:
    """How promises about starts and ends turned out lately, the newest first."""

    starts: Sequence[Scored]
    ends: Sequence[Scored]


async def note_promise(transaction: Transaction, job_id: UUID, promise: Promise) -> None:
    """Write a promise down in the transaction that makes it."""
    await transaction.row(
        "note_promise", job_id, promise.leg, promise.priority, dict(promise.as_json())
    )


class WaitStore:
    """Reads what decides about waits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lanes(self) -> dict[int, int]:
        """How many jobs are ready, by priority."""
        return {row["priority"]: row["waiting"] for row in await self._database.rows("lanes")}

    async def pace(self) -> Pace:
        """Of prompts, from the calls of the last half hour and the last hundred jobs."""
        return _pace(await self._database.row("prompt_pace"), FIRST_GUESS)

    async def picture_pace(self, guess: Pace) -> Pace:
        """Of pictures, from the last hundred, else `guess`."""
        return _pace(await self._database.row("picture_pace"), guess)

    async def paused_priorities(self) -> frozenset[int]:
        """Priorities that are not given out."""
        return frozenset(row["priority"] for row in await self._database.rows("paused_priorities"))

    async def arrivals(self) -> dict[int, float]:
        """Jobs a second that came in within the last minute, by priority."""
        rows = await self._database.rows("arrivals")
        return {row["priority"]: row["per_second"] for row in rows if row["priority"] is not None}

    async def tests(self, leg: Leg) -> Tests:
        """What the promises of a leg were worth."""
        found: dict[str, list[Scored]] = {"start": [], "done": []}
        for row in await self._database.rows("promise_errors", leg, REMEMBERED):
            found[row["kind"]].append(Scored(row["expected"], row["error"], row["kept"]))
        return Tests(found["start"], found["done"])

    async def models(self, names: Sequence[str]) -> tuple[datetime, list[Model]]:
        """The database's time, and each of the models (at least one is asked for)."""
        rows = {row["model"]: row for row in await self._database.rows("model_states", list(names))}
        now: datetime = rows[names[0]]["now"]
        return now, [_model(rows[name]) for name in names]

    async def pictures_before(self, priority: int, created_at: datetime) -> tuple[int, int]:
        """How many pictures are bought first, and how many are with the provider now."""
        row = await self._database.row("place_of_picture", priority, created_at)
        assert row is not None  # noqa: S101 - an aggregate always has a row
        return row["ahead"], row["there"]

    async def pictures_at_once(self) -> int | None:
        """How many may be with the provider; None: as many as there are."""
        row = await self._database.row("pictures_at_once")
        return row["pictures_at_once"] if row else None

    async def note(self, job_id: UUID, promise: Promise) -> None:
        """Write down what was promised about a job that was there already."""
        await self._database.rows(
            "note_promise", job_id, promise.leg, promise.priority, dict(promise.as_json())
        )

    async def score(self) -> int:
        """Compare promises with what came of them; how many were looked at."""
        row = await self._database.row("score_promises")
        return int(row["scored"]) if row else 0

    async def prune(self, days: float, batch: int = 1000) -> int:
        """Forget promises that are older than so many days; how many."""
        total = 0
        while row := await self._database.row("prune_promises", days, batch):
            total += row["deleted"]
            if not row["deleted"]:
                break
        return total

    async def coverage(self, hours: int = 24) -> list[Coverage]:
        """Which promises were kept within so many hours."""
        rows = await self._database.rows("promise_coverage", hours)
        return [
            Coverage(
                kind=row["kind"],
                kept=row["kept"],
                scored=row["scored"],
                coverage=float(row["coverage"]),
            )
            for row in rows
        ]


def _model(row: Record) -> Model:
    state = ModelState(
        model=row["model"],
        paused=row["paused"],
        is_open=row["is_open"],
        open_seconds=row["open_seconds"],
        limited_seconds=row["limited_seconds"] or 0.0,
    )
    return Model(state, row["rate"])


def _pace(row: Record | None, guess: Pace) -> Pace:
    """As measured; what was not is guessed from what was."""
    if row is None or (row["slot"] is None and row["median"] is None):
        return guess
    slot = row["slot"] if row["slot"] is not None else row["median"]
    median = row["median"] if row["median"] is not None else slot
    return Pace(slot=slot, median=median, p90=row["p90"] if row["p90"] is not None else 2 * median)
