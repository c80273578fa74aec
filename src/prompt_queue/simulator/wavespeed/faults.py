"""Scripted faults of the stand-in for WaveSpeed: what goes wrong, for which submits, how often."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SUBMIT = frozenset({
    "drop_request", "drop_reply", "hang", "status", "status_after", "html_after", "rate_limit",
    "credits", "unauthorized", "code_in_200", "delay", "echo",
})  # fmt: skip
"""While a submit is answered; `echo` refuses with all that it was sent. With `drop_reply`, `hang`
and `*_after` the task exists."""

TASK = frozenset({
    "fail", "fail_passing", "nsfw", "never", "flap", "odd_status", "cancelled", "gone",
    "no_outputs", "object_outputs", "broken_output", "lost_output", "answer",
})  # fmt: skip
"""What becomes of the task: `gone` is a result that is not found, `lost_output` a file; in all that
is said of the task the fields of `body` replace those of an `answer`."""

WEBHOOK = frozenset({"no_webhook", "late_webhook", "twice", "bad_signature", "tampered"})
RESULT = frozenset({"result_echo"})
TICKET = frozenset({"ticket_echo", "upload_elsewhere"})
"""Where an upload may go: elsewhere is what `text` says."""

PUT = frozenset({"put_echo"})
FILE = frozenset({"redirect_output"})
"""The file of an output is said to be where `text` says."""

KINDS = tuple(sorted(SUBMIT | TASK | WEBHOOK | RESULT | TICKET | PUT | FILE))
_FIELDS = frozenset({"fault", "times", "probability", "status", "seconds", "model", "text", "body"})


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
    body: dict[str, Any] | None = None
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
            fits = fits and isinstance(fault.body, dict | None)
        except TypeError:
            fits = False
        if not fits:
            raise FaultError("times, probability, status, seconds are numbers, body an object.")
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
