"""How long a call to a model may take: by how long its calls took lately."""

import math
from collections import defaultdict, deque

MARGIN = 1.5
"""Of the slowest hundredth of the calls, and once more for each retry."""

_WINDOW = 200
_ENOUGH = 20


class CallTimeouts:
    """`least` and `most` are seconds; `least` is also what is given while little is known."""

    def __init__(self, least: float, most: float) -> None:
        self._least = least
        self._most = max(least, most)
        self._taken: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_WINDOW))

    def seconds(self, model: str, retry_count: int = 0) -> float:
        """For the next call of a job that was retried so often."""
        slow = self.slowest_hundredth(model)
        start = self._least if slow is None else slow * MARGIN
        try:
            grown = start * MARGIN**retry_count
        except OverflowError:
            return self._most
        return min(max(grown, self._least), self._most)

    def answered(self, model: str, seconds: float) -> None:
        """A call was answered after so many seconds."""
        self._taken[model].append(seconds)

    def slowest_hundredth(self, model: str) -> float | None:
        """The 99th percentile of the last 200 answers; None before there are 20."""
        taken = sorted(self._taken[model])
        if len(taken) < _ENOUGH:
            return None
        return taken[math.ceil(len(taken) * 0.99) - 1]
