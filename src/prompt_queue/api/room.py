"""Whether the queue takes a job: room in all, and what one user may have."""

import math
from typing import Final
from uuid import UUID

from prompt_queue.api.parts import Parts
from prompt_queue.api.problems import Problem
from prompt_queue.store.intake import TooMuch

_LOOK_AGAIN_SECONDS: Final = 30
ROOM: Final = ("too_many_queued", "too_many_pictures", "queue_full")
"""The problems of routes that take jobs."""


async def check_room(parts: Parts) -> None:
    """Raises Problem while too much waits, or for too long, for a new job to have a chance."""
    if parts.most_queued is None and parts.most_waiting_seconds is None:
        return
    stats = await parts.estimates.recent()
    oldest = stats.oldest_queued_seconds or 0.0
    if parts.most_queued is not None and stats.total_queued >= parts.most_queued:
        said = f"{stats.total_queued} jobs wait, and more are not taken for now"
    elif parts.most_waiting_seconds is not None and oldest > parts.most_waiting_seconds:
        said = f"A job has waited for {oldest:.0f} s, and more are not taken for now"
    else:
        return
    raise Problem("queue_full", f"{said}; try again shortly.", retry_after=_LOOK_AGAIN_SECONDS)


async def refuse_retry(parts: Parts, user: UUID, outcome: str) -> None:
    """Raises Problem where a retry would be one open job too many."""
    if outcome == "too_many_queued":
        limits = await parts.limit_store.of(user)
        raise too_much(TooMuch(outcome, limits.queued or 0, None))


def too_much(error: TooMuch) -> Problem:
    """The answer to a user who has as much as one user may."""
    if error.what == "too_many_pictures":
        return Problem(
            "too_many_pictures",
            f"You may ask for {error.allowed} pictures a day (UTC); ask for fewer, or tomorrow.",
            retry_after=math.ceil(error.retry_seconds or 0.0),
        )
    return Problem(
        "too_many_queued",
        f"You may have {error.allowed} open jobs; wait until one has ended, or cancel one.",
        retry_after=_LOOK_AGAIN_SECONDS,
    )
