"""Looks at the queue as a whole, for metrics and alerts."""

from collections import defaultdict

from prompt_queue.jobs.measures import (
    Breaker,
    Depth,
    Horizon,
    Measures,
    RecentJobs,
    TableRows,
)
from prompt_queue.store.database import Database
from prompt_queue.store.model_store import ModelStore
from prompt_queue.store.prompt_store import PromptStore


class MeasureStore:
    """Reads, and sums up what has happened since the last look."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def measures(self) -> Measures:
        """One look. Raises DatabaseUnavailable, DatabaseRefused."""
        stats = await PromptStore(self._database).stats()
        models = await ModelStore(self._database).models()
        there = await self._database.row("measures_of_others")
        webhooks = promises = None
        if there and there["webhooks"]:
            rows = await self._database.rows("measures_webhooks")
            webhooks = tuple((row["outcome"], row["messages"]) for row in rows)
        if there and there["promises"]:
            rows = await self._database.rows("measures_promises")
            promises = tuple(
                (row["kind"], row["scored"], row["coverage"])
                for row in rows
                if row["coverage"] is not None
            )
        horizon = await self._database.row("measures_horizon")
        return Measures(
            depth=tuple(Depth(*row) for row in await self._database.rows("measures_depth")),
            pictures=tuple(
                (row["status"], row["pictures"])
                for row in await self._database.rows("measures_pictures")
            ),
            recent_jobs=tuple(
                RecentJobs(*row) for row in await self._database.rows("measures_recent_jobs")
            ),
            totals=await self._totals(),
            tables=tuple(
                TableRows(*row) for row in await self._database.rows("measures_dead_rows")
            ),
            horizon=Horizon(*horizon) if horizon else None,
            breakers=tuple(
                Breaker(
                    model.model,
                    model.state,
                    model.cause,
                    model.open_seconds or 0.0,
                    model.rate,
                    model.requests_per_second,
                )
                for model in models
            ),
            webhooks=webhooks,
            promises=promises,
            workers=stats.workers,
            slots=stats.slots,
            paused=stats.paused,
            unfenced_writes=stats.unfenced_writes,
            completed_last_hour=stats.completed_last_hour,
            failed_last_hour=stats.failed_last_hour,
            wait_seconds=stats.avg_wait_time_seconds,
            processing_seconds=stats.avg_processing_seconds,
        )

    async def _totals(self) -> dict[tuple[str, tuple[str, ...]], float]:
        await self._database.rows("sum_up")
        totals: dict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
        for row in await self._database.rows("measures_totals"):
            totals[row["name"], tuple(row["labels"])] += float(row["value"])
        return dict(totals)
