"""Priorities: 10 is the most urgent, 1 the least."""

import re
from collections.abc import Collection, Mapping
from typing import Final

LOWEST: Final = 1
DEFAULT: Final = 5
HIGHEST: Final = 10
BANDS: Final[Mapping[str, tuple[int, int]]] = {
    "low": (1, 3), "normal": (4, 6), "high": (7, 9), "critical": (10, 10)
}  # fmt: skip
"""The mission's words, each with its first and its last priority."""

_RANGE = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")


def band(priority: int) -> str:
    """The mission's word for a priority from 1 to 10: low, normal, high or critical."""
    return next(word for word, (_, last) in BANDS.items() if priority <= last or last == HIGHEST)


def read_range(text: str) -> tuple[int, int] | None:
    """The first and the last priority of a word, a number, or a range as in 1-3; else None."""
    found = _RANGE.fullmatch(text)
    low, high = BANDS.get(text, (0, 0))
    if found:
        low, high = int(found[1]), int(found[2] or found[1])
    return (low, high) if LOWEST <= low <= high <= HIGHEST else None


def in_words(low: int, high: int) -> str:
    """`priority 5`, or `priorities 1 to 3 (low)`."""
    if low == high:
        return f"priority {low}"
    word = next((f" ({word})" for word, band in BANDS.items() if band == (low, high)), "")
    return f"priorities {low} to {high}{word}"


def range_around(priority: int, chosen: Collection[int]) -> tuple[int, int] | None:
    """The unbroken range of chosen priorities that this one is in; None where it is in none."""
    if priority not in chosen:
        return None
    low = high = priority
    while low - 1 in chosen:
        low -= 1
    while high + 1 in chosen:
        high += 1
    return low, high
