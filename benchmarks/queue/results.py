"""What was measured, and what follows from it: medians, quantiles, ratios, goals. Pure."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Key = tuple[str, str]


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies, by rank."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


@dataclass(slots=True)
class Book:
    """Every value of every round, by metric and side."""

    values: dict[Key, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, metric: str, side: str, *values: float) -> None:
        """Write down what one round gave."""
        self.values[metric, side].extend(values)

    def of(self, metric: str, side: str, share: float = 0.5) -> float | None:
        """The median, or another quantile; None where nothing was measured."""
        values = self.values.get((metric, side))
        if not values:
            return None
        return statistics.median(values) if share == 0.5 else quantile(values, share)

    def ratio(self, one: Key, other: Key, share: float = 0.5) -> float | None:
        """One figure by another; None where one of them is missing."""
        above, below = self.of(*one, share), self.of(*other, share)
        return None if above is None or not below else above / below

    def metrics(self) -> list[str]:
        """In the order in which they were measured first."""
        return list(dict.fromkeys(metric for metric, _ in self.values))

    def as_json(self) -> dict[str, dict[str, list[float]]]:
        """All values: metric, side, rounds."""
        found: dict[str, dict[str, list[float]]] = {}
        for (metric, side), values in self.values.items():
            found.setdefault(metric, {})[side] = [float(f"{value:.6g}") for value in values]
        return found


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that shall be at least or at most its bound."""

    name: str
    figure: Callable[[Book], float | None]
    bound: float
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what was measured; `figure` None: nothing."""

    name: str
    bound: float
    figure: float | None
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where nothing was measured."""
        if self.figure is None:
            return None
        return self.figure <= self.bound if self.at_most else self.figure >= self.bound

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        word = "at_most" if self.at_most else "at_least"
        figure = None if self.figure is None else round(self.figure, 4)
        return {"goal": self.name, word: self.bound, "figure": figure, "met": self.met}


def judge(book: Book, goals: Sequence[Goal]) -> list[Verdict]:
    """Each goal with the figure that this run gave."""
    return [Verdict(goal.name, goal.bound, goal.figure(book), goal.at_most) for goal in goals]
