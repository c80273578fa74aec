"""What users think of their prompts and pictures."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from prompt_queue.jobs.feedback import Feedback, Reason, Verdict
from prompt_queue.store.database import Database

THE_PROMPT: Final = 0
"""The number of the prompt, beside which the pictures of a job count from 1."""


class FeedbackStore:
    """One verdict of each user on each prompt and picture."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(
        self,
        job_id: UUID,
        number: int,
        user_id: UUID,
        verdict: Verdict | None,
        *,
        reason: Reason | None = None,
        words: str | None = None,
    ) -> str:
        """Keep a verdict in the place of the one before; None withdraws it.

        The answer is noted, unchanged, nothing_yet or not_found, see note_prompt_feedback().
        """
        row = await self._database.row(
            "note_feedback", job_id, number, user_id, verdict, reason, words
        )
        return str(row["outcome"]) if row else "not_found"

    async def find(self, job_id: UUID, number: int, user_id: UUID) -> Feedback | None:
        """The verdict of a user."""
        row = await self._database.row("find_feedback", job_id, number, user_id)
        return feedback_from(row["feedback"]) if row else None


def feedback_from(found: Mapping[str, Any] | None) -> Feedback | None:
    """From JSON of prompt_feedback; a reason that this version does not know counts as other."""
    if found is None:
        return None
    reason = found["reason"]
    return Feedback(
        verdict=Verdict(found["verdict"]),
        reason=reason and (Reason(reason) if reason in set(Reason) else Reason.OTHER),
        words=found["words"],
        created_at=datetime.fromisoformat(found["created_at"]),
        updated_at=datetime.fromisoformat(found["updated_at"]),
    )
