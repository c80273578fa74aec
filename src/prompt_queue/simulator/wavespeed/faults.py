"""Scripted faults of the stand-in for WaveSpeed: what goes wrong, for which submits, how often."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SUBMIT = frozenset({
    "drop_request", "drop_reply", "hang", "status", "status_after", "html_after", "rate_limit",
    "credits", "unauthorized", "code_in_200", "delay",
})  # fmt: skip
"""While a submit is answered. With `drop_reply`, `hang` and `*_after` the task exists."""

TASK = frozenset({
    "fail", "fail_passing", "nsfw", "never", "flap", "odd_status", "cancelled", "gone",
    "no_outputs", "object_outputs", "broken_output", "lost_output",
})  # fmt: skip
"""What becomes of the task: `gone` is a result that is not found, `lost_output` a file."""

WEBHOOK = frozenset({"no_webhook", "late_webhook", "twice", "bad_signature", "tampered"})
KINDS = tuple(sorted(SUBMIT | TASK | WEBHOOK))
_FIELDS = frozenset({"fault", "times", "probability", "status", "seconds", "model", "text"})


class FaultError(ValueError):
    """A script that cannot be played; the text says what to change."""


@dataclass
class Fault:
    """One scripted fault; `times` counts the submits it is still for, -1 means every one."""

    fault: str
    times: int = 1
    probability: float = 1.0
    status: int = 500
    seconds: float = 3.0
    model: str | None = None
    text: str | None = None
    used: int = 0


def parse_script(document: Any) -> list[Fault]:
    """Read a script: one fault or a list of them. Raises FaultError."""
    entries = document if isinstance(document, list) else [document]
    found = []
    for entry in entries:
        if not isinstance(entry, Mapping) or entry.get("fault") not in KINDS:
            raise FaultError(f"fault must be one of {', '.join(KINDS)}.")
        unknown = sorted(set(entry) - _FIELDS)
        if unknown:
            raise FaultError(f"Unknown field {unknown[0]!r}; known: {', '.join(sorted(_FIELDS))}.")
        try:
            fault = Fault(**entry)
            numbers = (fault.times, fault.probability, fault.status, fault.seconds)
            fits = all(isinstance(n, int | float) and n >= -1 for n in numbers)
        except TypeError:
            fits = False
        if not fits:
            raise FaultError("times, probability, status and seconds are numbers.")
        found.append(fault)
    return found


class FaultScript:
    """The faults still to be played, with their dice."""

    def __init__(self, seed: int) -> None:
        self._faults: list[Fault] = []
        self._dice = random.Random(seed)  # noqa: S311

    def add(self, faults: list[Fault]) -> None:
        """Play these after those already scripted."""
        self._faults += faults

    def clear(self) -> None:
        """Forget every fault."""
        self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Every fault of the script, used up or not."""
        return [asdict(fault) for fault in self._faults]

    def draw(self, kinds: frozenset[str], model: str) -> Fault | None:
        """The fault of these kinds for this submit, if there is one."""
        for fault in self._faults:
            fits = fault.fault in kinds and fault.times != 0 and fault.model in (None, model)
            if not fits or self._dice.random() >= fault.probability:
                continue
            fault.used += 1
            fault.times -= fault.times > 0
            return fault
        return None
