"""Which attempts a job has had, read from its events and its calls: one pure decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

_ENDS: Final = frozenset(
    {
        "completed", "failed", "retry_scheduled", "postponed", "released", "lease_lost",
        "cancelled", "following", "readmitted",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempt:
    """From a claim to what came of it; `calls` are the ids of those that it paid for.

    `ended_at` and `outcome` are None while it runs.
    """

    number: int
    leg: str
    worker: str | None
    claimed_at: datetime
    ended_at: datetime | None = None
    outcome: str | None = None
    calls: tuple[UUID, ...] = field(default=())


def attempts_of(
    events: Sequence[Mapping[str, Any]], calls: Sequence[Mapping[str, Any]]
) -> list[Attempt]:
    """Attempts of one prompt job, from its events and calls, each oldest first."""
    found: list[Attempt] = []
    for event in events:
        running = bool(found) and found[-1].ended_at is None
        if event["kind"] == "claimed":
            worker = event["data"].get("worker")
            found.append(Attempt(len(found) + 1, "prompt", worker, event["created_at"]))
        elif running and event["kind"] in _ENDS:
            found[-1] = replace(found[-1], ended_at=event["created_at"], outcome=str(event["kind"]))
    return [replace(one, calls=_within(one, found, calls)) for one in found]


def picture_attempts(calls: Sequence[Mapping[str, Any]]) -> list[Attempt]:
    """Attempts to buy pictures: one a call, since claims that buy nothing leave no trace."""
    return [
        Attempt(
            number,
            "picture",
            call["worker"],
            call["started_at"],
            call["ended_at"],
            _outcome(call),
            (call["call_id"],),
        )
        for number, call in enumerate(calls, start=1)
    ]


def _within(
    one: Attempt, attempts: Sequence[Attempt], calls: Sequence[Mapping[str, Any]]
) -> tuple[UUID, ...]:
    following = [other.claimed_at for other in attempts if other.number == one.number + 1]
    return tuple(
        call["call_id"]
        for call in calls
        if call["started_at"] >= one.claimed_at
        and (not following or call["started_at"] < following[0])
    )


def _outcome(call: Mapping[str, Any]) -> str | None:
    if call["state"] == "sent":
        return None
    return str(call["error_code"] or call["state"])
