"""Looks at the queue as a whole, for metrics and alerts."""

from collections import defaultdict

import asyncpg

from prompt_queue.jobs.measures import (
    Breaker,
    Depth,
    Horizon,
    Measures,
    RecentJobs,
    TableRows,
    WebhookTries,
)
from prompt_queue.store.database import Database
from prompt_queue.store.model_store import ModelStore


class MeasureStore:
    """Reads, and sums up what has happened since the last look."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def measures(self) -> Measures:
        """One look. Raises DatabaseUnavailable, DatabaseRefused."""
        rates = await self._one("measures_rates")
        backlog = await self._database.rows("measures_backlog")
        endings = await self._database.rows("measures_webhooks")
        tries = await self._one("measures_webhook_tries")
        horizon = await self._database.row("measures_horizon")
        return Measures(
            depth=tuple(
                Depth(row["state"], row["priority"], row["jobs"])
                for row in backlog
                if row["kind"] == "prompt"
            ),
            oldest_seconds=rates["oldest"],
            counted_seconds=max((row["seconds"] for row in backlog), default=0.0),
            pictures=_of_kind(backlog, "picture"),
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
                for model in await ModelStore(self._database).models()
            ),
            webhooks=tuple((row["outcome"], row["messages"]) for row in endings)
            + _of_kind(backlog, "webhook"),
            webhook_tries=WebhookTries(tries["taken"], tries["failed"]),
            promises=tuple(
                (row["kind"], row["scored"], row["coverage"])
                for row in await self._database.rows("measures_promises")
            ),
            workers=rates["workers"],
            slots=rates["slots"],
            paused=rates["paused"],
            completed_last_hour=rates["completed_last_hour"],
            failed_last_hour=rates["failed_last_hour"],
            processing_seconds=rates["processing"],
        )

    async def _one(self, query: str) -> asyncpg.Record:
        row = await self._database.row(query)
        assert row is not None  # noqa: S101 - an aggregate always has a row
        return row

    async def _totals(self) -> dict[tuple[str, tuple[str, ...]], float]:
        await self._database.rows("sum_up")
        totals: dict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
        for row in await self._database.rows("measures_totals"):
            totals[row["name"], tuple(row["labels"])] += float(row["value"])
        return dict(totals)


def _of_kind(backlog: list[asyncpg.Record], kind: str) -> tuple[tuple[str, int], ...]:
    return tuple((row["state"], row["jobs"]) for row in backlog if row["kind"] == kind)
