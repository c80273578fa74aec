"""When a failed attempt may be repeated: a pure function of the retry count."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Seconds to wait: `min(base_delay * multiplier ** retry_count, max_delay)`."""

    base_delay: float = 1.0
    max_delay: float = 30.0
    multiplier: float = 2.0
    jitter: Literal["full", "none"] = "full"

    def longest_delay(self, retry_count: int) -> float:
        """Seconds that the formula gives for a job that was retried `retry_count` times."""
        try:
            grown = self.base_delay * self.multiplier**retry_count
        except OverflowError:
            return self.max_delay
        return min(grown, self.max_delay)

    def delay(self, retry_count: int, draw: float) -> float:
        """Seconds to wait; `draw` is uniform in [0, 1).

        Full jitter spreads the herd below the formula's value; the floor of a tenth keeps a
        transient fault from being retried at once.
        """
        longest = self.longest_delay(retry_count)
        if self.jitter == "none":
            return longest
        return max(longest / 10, longest * draw)
