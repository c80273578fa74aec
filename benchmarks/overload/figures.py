"""The figures of a run, and what they are held against."""

from dataclasses import asdict, dataclass

from benchmarks.overload.load import Answers
from benchmarks.queue.results import quantile

MOST_TIMES_SLOWER = 2.0
MOST_REFUSAL_MS = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Requests a second and milliseconds. `others`: answers that are neither 202 nor 429."""

    capacity: float
    base_rate: float
    offered_rate: float
    base_accepted: int
    base_p50_ms: float
    base_p99_ms: float
    accepted: int
    accepted_p50_ms: float
    accepted_p99_ms: float
    refused: int
    refused_p50_ms: float
    refused_p99_ms: float
    others: int

    @property
    def times_slower(self) -> float:
        """The p99 of accepted requests against that without the flood."""
        return self.accepted_p99_ms / self.base_p99_ms

    @property
    def goals_met(self) -> dict[str, bool]:
        """By name."""
        return {
            "accepted p99 at most twice the base": self.times_slower <= MOST_TIMES_SLOWER,
            "refusal p99 under 50 ms": self.refused_p99_ms < MOST_REFUSAL_MS,
            "nothing but 202 and 429": not self.others,
        }

    def known(self) -> dict[str, object]:
        """By name, to three digits, with the verdicts."""
        rounded = {name: float(f"{value:.3g}") for name, value in asdict(self).items()}
        return rounded | {"times_slower": round(self.times_slower, 2), "goals": self.goals_met}


def figures(
    capacity: float, base_rate: float, times: int, base: Answers, flood: Answers
) -> Figures:
    """What two phases come to."""

    def ms(values: list[float], share: float) -> float:
        return quantile(values, share) * 1000 if values else float("nan")

    return Figures(
        capacity=capacity,
        base_rate=base_rate,
        offered_rate=base_rate * times,
        base_accepted=len(base.accepted),
        base_p50_ms=ms(base.accepted, 0.5),
        base_p99_ms=ms(base.accepted, 0.99),
        accepted=len(flood.accepted),
        accepted_p50_ms=ms(flood.accepted, 0.5),
        accepted_p99_ms=ms(flood.accepted, 0.99),
        refused=len(flood.refused),
        refused_p50_ms=ms(flood.refused, 0.5),
        refused_p99_ms=ms(flood.refused, 0.99),
        others=len(base.others) + len(flood.others),
    )
