"""What a user thinks of a prompt or of a picture."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """A thumb."""

    UP = "up"
    DOWN = "down"


class Reason(StrEnum):
    """Why, in one word; each fits prompts and pictures."""

    AS_WISHED = "as_wished"
    MISSED_THE_POINT = "missed_the_point"
    WRONG_STYLE = "wrong_style"
    CHANGED_TOO_MUCH = "changed_too_much"
    CHANGED_TOO_LITTLE = "changed_too_little"
    POOR_QUALITY = "poor_quality"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """A verdict and why; `words` are the user's own, at most 500 characters."""

    verdict: Verdict
    reason: Reason | None
    words: str | None
    created_at: datetime
    updated_at: datetime
