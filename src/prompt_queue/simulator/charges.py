"""The provider's own log: one record for each chat call, never changed after it ended."""

import hashlib
import time
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Call:
    """One chat call. ``outcome`` is ``open`` until it ended.

    ``charged`` means that the answer was being generated when the call ended, so that xAI would
    have asked for money. ``at_monotonic`` and ``ended_monotonic`` are seconds of the machine's
    monotonic clock.
    """

    number: int
    at_monotonic: float
    nonce: str | None = None
    model: str | None = None
    status: int | None = None
    image_sha256s: list[str] = field(default_factory=list)
    image_count: int = 0
    prompt_sha: str | None = None
    outcome: str = "open"
    detail: str | None = None
    charged: bool = False
    cost_in_usd_ticks: int = 0
    tokens: int = 0
    ended_by_client: bool = False
    ended_monotonic: float | None = None

    def note_prompt(self, text: str) -> None:
        """Record which prompt was written, as the SHA-256 of its UTF-8 text."""
        self.prompt_sha = hashlib.sha256(text.encode()).hexdigest()

    def end(self, outcome: str, *, by_client: bool = False) -> None:
        """Close the record; a second end changes nothing."""
        if self.ended_monotonic is not None:
            return
        self.outcome = outcome
        self.ended_by_client = by_client
        self.ended_monotonic = time.monotonic()

    def as_json(self) -> dict[str, Any]:
        """The record as the admin route shows it."""
        return asdict(self)


class CallLog:
    """Append-only; numbers start at 1 and follow the order of arrival."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    @property
    def last_number(self) -> int:
        """The number of the latest call, 0 before the first."""
        return len(self._calls)

    def open(self, nonce: str | None) -> Call:
        """Append a record for a call that has just arrived."""
        call = Call(number=len(self._calls) + 1, at_monotonic=time.monotonic(), nonce=nonce)
        self._calls.append(call)
        return call

    def since(self, number: int) -> list[dict[str, Any]]:
        """Every record with a higher number."""
        return [call.as_json() for call in self._calls[max(number, 0) :]]
