"""Scripted faults: what goes wrong, for which calls, how often."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Phase = Literal["before", "after"]

# Shaping faults need an answer to spoil, so they come after the pictures were read.
SHAPING = frozenset(
    {
        "truncate", "drip", "empty", "refusal", "content_filter", "redirect", "no_usage",
        "stream_error", "stream_end", "stream_hang",
    }
)  # fmt: skip
_AS_WHOLE = {"stream_error": "error_in_200", "stream_end": "truncate", "stream_hang": "hang"}
STREAM_FAULTS = frozenset(_AS_WHOLE)
REPLACING = frozenset(
    {
        "status", "rate_limit", "error_in_200", "html", "hang", "reset",
        "credits", "safety", "model_not_found",
    }
)  # fmt: skip
KINDS = tuple(sorted(SHAPING | REPLACING | {"delay"}))
VARIANTS = ("requests", "tokens", "capacity")
_FIELDS = frozenset(
    {
        "fault", "status", "body", "retryAfter", "seconds", "times", "probability",
        "model", "phase", "variant",
    }
)  # fmt: skip


class FaultError(ValueError):
    """A script that cannot be played; the text says what to change."""


@dataclass
class Fault:
    """One scripted fault; ``left`` counts the calls it is still for, -1 means every call."""

    kind: str
    status: int | None
    body: Any
    retry_after: int | str | None
    seconds: float | None
    left: int
    probability: float
    model: str | None
    phase: Phase
    variant: str
    used: int = 0

    def as_json(self) -> dict[str, Any]:
        """The fault as the admin route shows it."""
        return {
            "fault": self.kind,
            "status": self.status,
            "body": self.body,
            "retryAfter": self.retry_after,
            "seconds": self.seconds,
            "times": self.left,
            "probability": self.probability,
            "model": self.model,
            "phase": self.phase,
            "variant": self.variant,
            "used": self.used,
        }


def as_whole(fault: Fault) -> Fault:
    """What a fault of a stream is for an answer that comes in one piece."""
    return replace(fault, kind=_AS_WHOLE.get(fault.kind, fault.kind))


def _number(entry: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    value = entry.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FaultError(f"{name} must be a number.")
    if not low <= value <= high:
        raise FaultError(f"{name} must be between {low:g} and {high:g}.")
    return value


def _whole(entry: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = _number(entry, name, low, high)
    if isinstance(value, float):
        raise FaultError(f"{name} must be a whole number.")
    return value


def _phase(entry: Mapping[str, Any], kind: str) -> Phase:
    phase = entry.get("phase")
    if phase not in (None, "before", "after"):
        raise FaultError('phase must be "before" or "after".')
    if kind in SHAPING:
        if phase == "before":
            raise FaultError(f'{kind} spoils an answer, so its phase can only be "after".')
        return "after"
    return "after" if phase == "after" else "before"


def parse_fault(entry: Any) -> Fault:
    """Read one fault of a script; raises `FaultError`."""
    if not isinstance(entry, Mapping):
        raise FaultError("A fault is a JSON object.")
    kind = entry.get("fault")
    if kind not in KINDS:
        raise FaultError(f"fault must be one of {', '.join(KINDS)}, not {kind!r}.")
    unknown = sorted(set(entry) - _FIELDS)
    if unknown:
        raise FaultError(f"Unknown field {unknown[0]!r}; known: {', '.join(sorted(_FIELDS))}.")
    times = _whole(entry, "times", -1, 1_000_000)
    probability = _number(entry, "probability", 0, 1)
    retry_after = entry.get("retryAfter")
    if isinstance(retry_after, bool) or not isinstance(retry_after, int | str | None):
        raise FaultError("retryAfter must be a number of seconds, a text or null.")
    if isinstance(retry_after, str) and not retry_after.isprintable():
        raise FaultError("retryAfter must not contain control characters.")
    model = entry.get("model")
    if not isinstance(model, str | None):
        raise FaultError("model must be a model's name.")
    variant = entry.get("variant") or "requests"
    if variant not in VARIANTS:
        raise FaultError(f"variant must be one of {', '.join(VARIANTS)}.")
    status = _whole(entry, "status", 200, 599)
    if kind == "status" and status is None:
        raise FaultError("The status fault needs a status.")
    seconds = _number(entry, "seconds", 0, 3_600)
    if kind == "delay" and seconds is None:
        raise FaultError("The delay fault needs seconds.")
    return Fault(
        kind=kind,
        status=status,
        body=entry.get("body"),
        retry_after=retry_after,
        seconds=seconds,
        left=1 if times is None else times,
        probability=1.0 if probability is None else probability,
        model=model,
        phase=_phase(entry, kind),
        variant=variant,
    )


def parse_script(document: Any) -> list[Fault]:
    """Read a script: one fault or a list of them; raises `FaultError`."""
    entries = document if isinstance(document, list) else [document]
    return [parse_fault(entry) for entry in entries]


class FaultScript:
    """The faults still to be played, in order, with their dice."""

    def __init__(self, seed: int) -> None:
        self._faults: list[Fault] = []
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Start the dice anew, so that a run can be repeated."""
        self._dice = random.Random(seed)  # noqa: S311

    def add(self, faults: Sequence[Fault]) -> None:
        """Play these after those already scripted."""
        self._faults.extend(faults)

    def clear(self) -> None:
        """Forget every fault."""
        self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Every fault of the script, used up or not."""
        return [fault.as_json() for fault in self._faults]

    def draw(self, phase: Phase, model: str | None) -> tuple[float, Fault | None]:
        """Take this call's faults: the seconds of all delays up to the first other fault."""
        delay = 0.0
        for fault in self._faults:
            fits = fault.phase == phase and fault.left != 0 and fault.model in (None, model)
            if not fits or self._dice.random() >= fault.probability:
                continue
            fault.used += 1
            if fault.left > 0:
                fault.left -= 1
            if fault.kind != "delay":
                return delay, fault
            delay += fault.seconds or 0.0
        return delay, None
