"""Jobs that become pictures: one short method per statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from prompt_queue.jobs.picture import PictureClaim, PictureOutcome, PictureRow, PictureStatus
from prompt_queue.store.database import Database
from prompt_queue.store.feedback_store import feedback_from
from prompt_queue.store.prompt_store import Settled


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureReceipt:
    """What a cancel did, see cancel_picture_job(); `at_provider` pictures may still be charged."""

    outcome: str
    cancelled: int
    at_provider: int
    succeeded: int
    spent_usd: Decimal
    prompt_cancelled: bool


@dataclass(frozen=True, slots=True)
class Submit:
    """The last submit of a picture that left: its call, when (Unix seconds), how long ago."""

    call_id: UUID
    started_at: float
    seconds_ago: float


class PictureStore:
    """Pictures as seen from the HTTP process and the worker process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, limit: int, worker: str, lease_seconds: float, attempt_seconds: float | None = None
    ) -> list[PictureClaim]:
        """Lease pictures that are due; see claim_picture_jobs()."""
        rows = await self._database.rows(
            "claim_pictures", limit, worker, lease_seconds, attempt_seconds
        )
        return [_claim(row) for row in rows]

    async def seconds_to_next(self) -> float | None:
        """Until the next picture is due, below 0 where one is; None where none will be."""
        row = await self._database.row("next_picture")
        return row["seconds"] if row else None

    async def settle(
        self, outcomes: Sequence[tuple[PictureClaim, PictureOutcome]]
    ) -> list[Settled]:
        """Propose outcomes; SQL decides which of them still count."""
        rows = await self._database.rows(
            "settle_pictures", [_outcome(claim, outcome) for claim, outcome in outcomes]
        )
        return [
            Settled(job_id=row["picture_id"], applied=row["applied"], status=row["status"])
            for row in rows
        ]

    async def last_submit(self, picture_id: UUID) -> Submit | None:
        """The newest submit of which bytes may have left."""
        row = await self._database.row("last_submit", picture_id)
        return Submit(row["call_id"], row["started_at"], row["seconds_ago"]) if row else None

    async def known(self, prediction_ids: Sequence[str]) -> set[str]:
        """Those of the predictions that a picture of ours has already."""
        rows = await self._database.rows("known_predictions", list(prediction_ids))
        return {row["prediction_id"] for row in rows}

    async def resolve_call(self, picture_id: UUID, cost_usd: Decimal) -> None:
        """The newest submit of a picture has bought it; 0: and it was given back."""
        await self._database.rows("resolve_picture_call", picture_id, cost_usd)

    async def hint(self, call_id: UUID, prediction_id: str, webhook_id: str) -> str:
        """A good webhook about a submit: taken, repeated, late or unknown."""
        row = await self._database.row("picture_hint", call_id, prediction_id, webhook_id)
        return str(row["answer"]) if row else "unknown"

    async def find(self, job_id: UUID, user_id: UUID | None = None) -> list[PictureRow]:
        """The pictures of a job in their order; none where it is missing or somebody else's."""
        rows = await self._database.rows("find_picture_job", job_id, user_id)
        return [_row(row) for row in rows]

    async def list_ids(
        self,
        user_id: UUID | None,
        row_id: UUID | None,
        limit: int,
        after: tuple[datetime, UUID] | None = None,
    ) -> Sequence[tuple[UUID, datetime]]:
        """Ids and times of jobs, newest first."""
        created_at, job_id = after or (None, None)
        rows = await self._database.rows(
            "list_picture_jobs", user_id, row_id, created_at, job_id, limit
        )
        return [(row["job_id"], row["created_at"]) for row in rows]

    async def versions(self, job_ids: Sequence[UUID]) -> dict[UUID, tuple[PictureStatus, datetime]]:
        """Where each job stands, and when something about it changed last."""
        rows = await self._database.rows("picture_versions", list(job_ids))
        return {row["job_id"]: (PictureStatus(row["status"]), row["changed_at"]) for row in rows}

    async def find_all(self, job_ids: Sequence[UUID]) -> dict[UUID, list[PictureRow]]:
        """The pictures of several jobs."""
        found: dict[UUID, list[PictureRow]] = {}
        for row in await self._database.rows("pictures_of", list(job_ids)):
            found.setdefault(row["job_id"], []).append(_row(row))
        return found

    async def events(self, ids: Sequence[UUID]) -> Sequence[Mapping[str, Any]]:
        """What happened to a job, its prompt and its pictures, oldest first."""
        return [dict(row) for row in await self._database.rows("events_of_jobs", list(ids))]

    async def calls(self, ids: Sequence[UUID]) -> Sequence[Mapping[str, Any]]:
        """The paid calls of prompts and pictures, oldest first."""
        return [dict(row) for row in await self._database.rows("calls_of_jobs", list(ids))]

    async def cancel(self, job_id: UUID, user_id: UUID | None = None) -> PictureReceipt:
        """Cancel what is left of a job."""
        row = await self._database.row("cancel_picture_job", job_id, user_id)
        assert row is not None  # noqa: S101 - the function always returns a row
        return PictureReceipt(**dict(row))

    async def retry(self, job_id: UUID, user_id: UUID | None, actor: str) -> str:
        """Failed pictures made anew: retried, not_failed, not_found or too_many_queued."""
        row = await self._database.row("retry_picture_job", job_id, user_id, actor)
        return str(row["outcome"]) if row else "not_found"

    async def prune_webhooks(self) -> None:
        """Forget webhooks whose signature would be too old by now."""
        await self._database.rows("prune_picture_webhooks")


def _claim(row: asyncpg.Record) -> PictureClaim:
    return PictureClaim(
        job_id=row["id"],
        order_id=row["job_id"],
        number=row["number"],
        user_id=row["user_id"],
        status=PictureStatus(row["status"]),
        prompt=row["prompt"] or "",
        target_url=row["target_url"],
        ref_urls=tuple(row["ref_urls"]),
        generation_model=row["generation_model"],
        width=row["width"],
        height=row["height"],
        priority=row["priority"],
        prediction_id=row["prediction_id"],
        provider_outputs=tuple(row["provider_outputs"] or ()),
        retry_count=row["retry_count"],
        max_retries=row["max_retries"],
        resubmits=row["resubmits"],
        lease_token=row["lease_token"],
        seconds_there=row["seconds_there"],
        trace_context=row["trace_context"],
    )


def _outcome(claim: PictureClaim, outcome: PictureOutcome) -> Mapping[str, Any]:
    return {
        "picture_id": str(claim.job_id),
        "lease_token": str(claim.lease_token),
        "outcome": outcome.outcome,
        "delay_seconds": outcome.delay,
        "error": outcome.error,
        "error_code": outcome.code,
        "prediction_id": outcome.prediction_id or claim.prediction_id,
        "provider_outputs": outcome.provider_outputs,
        "outputs": outcome.outputs,
        "nsfw": outcome.nsfw,
    }


def _row(row: asyncpg.Record) -> PictureRow:
    values = {name: row[name] for name in PictureRow.__slots__}
    found = {
        "status": PictureStatus(row["status"]),
        "outputs": row["outputs"] or [],
        "feedback": feedback_from(row["feedback"]),
    }
    return PictureRow(**values | found)
