"""Rate limits as a provider may keep them: per model, in one of three ways of counting."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Manner = Literal["fixed", "sliding", "bucket"]
"""fixed: in each second and minute of the clock. sliding: in any second and minute. bucket: a
second's and a minute's worth may be saved up."""


class LimitError(ValueError):
    """A limit that cannot be kept; the text says what to change."""


@dataclass(frozen=True)
class Limit:
    """Requests a second and tokens a minute; None does not count them.

    A request takes up to ``jitter`` seconds to where it is counted.
    """

    manner: Manner
    rps: float
    tpm: float | None = None
    jitter: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The limit as the admin route shows it."""
        return {
            "manner": self.manner, "rps": self.rps, "tpm": self.tpm, "jitter": self.jitter,
        }  # fmt: skip


_FIELDS = frozenset({"manner", "rps", "tpm", "jitter"})


def parse_limit(document: Any) -> Limit | None:
    """Read a limit, or null for none; raises `LimitError`."""
    if document is None:
        return None
    if not isinstance(document, Mapping) or set(document) - _FIELDS:
        raise LimitError("A limit is null or an object with manner, rps and perhaps tpm, jitter.")
    manner: Any = document.get("manner")
    if manner not in get_args(Manner):
        raise LimitError(f"manner must be one of {', '.join(get_args(Manner))}.")
    tpm, jitter = document.get("tpm"), document.get("jitter")
    return Limit(
        manner,
        _positive("rps", document.get("rps")),
        None if tpm is None else _positive("tpm", tpm),
        _positive("jitter", jitter) if jitter else 0.0,
    )


def _positive(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise LimitError(f"{name} must be a number above 0.")
    return float(value)


class _Counter:
    """How much was used within a span of seconds."""

    def __init__(self, manner: Manner, most: float, span: float) -> None:
        self._manner = manner
        self._most = most
        self._span = span
        self._used: deque[tuple[float, float]] = deque()
        self._sum = 0.0
        self._level = most
        self._seen_at: float | None = None

    def has_room(self, amount: float, now: float) -> bool:
        self._forget(now)
        if self._manner == "bucket":
            return self._level >= amount
        return self._sum + amount <= self._most

    def use(self, amount: float, now: float) -> None:
        self._forget(now)
        self._level -= amount
        self._used.append((now, amount))
        self._sum += amount

    def _forget(self, now: float) -> None:
        if self._seen_at is not None:
            earned = (now - self._seen_at) * self._most / self._span
            self._level = min(self._level + earned, self._most)
        self._seen_at = now
        begin = now - now % self._span if self._manner == "fixed" else now - self._span
        while self._used and self._used[0][0] < begin:
            self._sum -= self._used.popleft()[1]


class Limiter:
    """Counts what each model was sent. A refused call does not count."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._requests: dict[str, _Counter] = {}
        self._tokens: dict[str, _Counter] = {}

    def refusal(self, model: str, now: float) -> Literal["requests", "tokens"] | None:
        """Take a request in, or say which limit it breaks. `now`: seconds that never go back."""
        requests = self._counter(self._requests, model, self._limit.rps, 1.0)
        if not requests.has_room(1, now):
            return "requests"
        if self._limit.tpm is not None:
            tokens = self._counter(self._tokens, model, self._limit.tpm, 60.0)
            # What an answer takes is known only afterwards: one more may always begin.
            if not tokens.has_room(1, now):
                return "tokens"
        requests.use(1, now)
        return None

    def spend(self, model: str, tokens: int, now: float) -> None:
        """Count the tokens of an answer."""
        if self._limit.tpm is not None:
            self._counter(self._tokens, model, self._limit.tpm, 60.0).use(tokens, now)

    def _counter(
        self, counters: dict[str, _Counter], model: str, most: float, span: float
    ) -> _Counter:
        if model not in counters:
            counters[model] = _Counter(self._limit.manner, most, span)
        return counters[model]
