"""What may be expected when the database forgets: an older copy of it takes its place.

Jobs acknowledged after the copy are gone, and so is the cost book of that time. Before and after it
every promise holds as ever; in between, the sends of each job are bounded by themselves.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_SENDS = 4
"""max_retries + 1 by default."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Which lines of the client's history and which calls of the provider's log lie in between."""

    lines: range
    calls: range


def remembered_lines(lines: Sequence[str], forgotten: Sequence[Forgotten]) -> list[str]:
    """The history, where an acknowledgement that was forgotten is worth no more than silence."""
    gone = {number for between in forgotten for number in between.lines}
    return [_as_silence(line) if number in gone else line for number, line in enumerate(lines)]


def remembered_calls(
    calls: Sequence[Mapping[str, Any]], forgotten: Sequence[Forgotten]
) -> list[Mapping[str, Any]]:
    """The calls that the cost book has to know."""
    gone = {number for between in forgotten for number in between.calls}
    return [call for number, call in enumerate(calls) if number not in gone]


def too_many_between(
    calls: Sequence[Mapping[str, Any]], forgotten: Sequence[Forgotten]
) -> list[str]:
    """A sentence for each job that was sent too often in a time that was forgotten."""
    found = []
    for between in forgotten:
        sent = Counter(calls[number]["nonce"] for number in between.calls)
        found += [
            f"{count} sends for {conversation} in a time that was forgotten"
            for conversation, count in sent.items()
            if count > MOST_SENDS
        ]
    return found


def _as_silence(line: str) -> str:
    said = json.loads(line)
    if said["outcome"] == "ok":
        said = {k: v for k, v in said.items() if k != "job_id"} | {"outcome": "info"}
    return json.dumps(said)
