"""Priorities: 10 is the most urgent, 1 the least."""

from typing import Final

LOWEST: Final = 1
DEFAULT: Final = 5
HIGHEST: Final = 10


def band(priority: int) -> str:
    """The mission's word for a priority from 1 to 10: low, normal, high or critical."""
    if priority >= 10:
        return "critical"
    if priority >= 7:
        return "high"
    if priority >= 4:
        return "normal"
    return "low"
