"""Which alerts fire since when, and what changed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from prompt_queue.jobs.alerts import Alert
from prompt_queue.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChange:
    """An alert that began (`change` is firing) or that is over (resolved)."""

    change: str
    name: str
    about: str
    since: datetime
    value: float
    threshold: float
    sentence: str


class AlertStore:
    """The memory of the alert rules."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, firing: Sequence[Alert], user_id: UUID | None) -> list[AlertChange]:
        """Keep what fires now, and tell what changed; webhooks of `user_id` tell it too.

        Raises DatabaseUnavailable, DatabaseRefused.
        """
        told = json.dumps([asdict(alert) for alert in firing])
        rows = await self._database.rows("note_alerts", told, user_id)
        return [AlertChange(**dict(row)) for row in rows]

    async def since(self) -> dict[tuple[str, str], datetime]:
        """Name and subject of what fires -> when it began."""
        rows = await self._database.rows("alerts_since")
        return {(row["name"], row["about"]): row["since"] for row in rows}
