"""How hard the properties are tried, and what came of the examples."""

import os
from collections import Counter

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "80"))

hard = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    # The suite tries the same examples each time; the laboratory tries new ones.
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
"""For every property here."""

SEEN: Counter[str] = Counter()


def seen(what: str) -> None:
    """Count how an example ended, so that a run shows that it met all kinds."""
    SEEN[what] += 1
