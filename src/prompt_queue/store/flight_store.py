"""Prompts that were paid for, and requests that wait for an identical one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prompt_queue.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What becomes of a job whose request is known, see join_prompt_flights()."""

    verdict: str
    prompt: str | None
    model: str | None
    strategy: str | None


class FlightStore:
    """The same for all workers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def join(self, joins: Sequence[dict[str, Any]]) -> dict[UUID, Joined]:
        """Find prompts that were paid for, or lead, or follow; by job id."""
        rows = await self._database.rows("join_flights", list(joins))
        return {
            row["job_id"]: Joined(
                verdict=row["verdict"],
                prompt=row["prompt"],
                model=row["model"],
                strategy=row["strategy"],
            )
            for row in rows
        }
