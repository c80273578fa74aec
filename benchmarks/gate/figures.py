"""From the provider's log to figures: pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CallRecord = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Of a stretch of time: answered calls (or their tokens) by what was allowed, 429s by calls."""

    of_allowed: float
    refused: float
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """A time in which everything is refused: calls by answers around it, seconds until it is over.

    `back_after` is None where the rate did not come back.
    """

    calls_per_answer: float
    back_after: float | None


def usage(
    calls: Sequence[CallRecord], since: float, until: float, rps: float, tpm: float | None
) -> Usage:
    """What the provider's log says of these seconds of its clock."""
    within = [call for call in calls if since <= call["at_monotonic"] < until]
    answered = [call for call in within if call["status"] == 200]
    refused = sum(call["status"] == 429 for call in within)
    if tpm is None:
        allowed, used = rps * (until - since), float(len(answered))
    else:
        allowed, used = tpm / 60 * (until - since), float(sum(call["tokens"] for call in answered))
    return Usage(
        of_allowed=used / allowed, refused=refused / max(len(within), 1), calls=len(within)
    )


def storm(
    calls: Sequence[CallRecord], began: float, ended: float, rps: float, around: float
) -> Storm:
    """What the log says of a storm and of `around` seconds before and after it."""
    within = [c for c in calls if began - around <= c["at_monotonic"] < ended + around]
    answers = sum(call["status"] == 200 for call in within)
    seconds = Counter(
        int(call["at_monotonic"] - ended)
        for call in within
        if call["status"] == 200 and call["at_monotonic"] >= ended
    )
    full = (second for second in range(int(around)) if seconds[second] >= 0.88 * rps)
    return Storm(
        calls_per_answer=len(within) / max(answers, 1),
        back_after=next((float(second) for second in full), None),
    )
