"""What one running stand-in knows: its key, its settings, its script and its log."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from prompt_queue.simulator.charges import CallLog
from prompt_queue.simulator.errors import Envelope
from prompt_queue.simulator.faults import FaultScript
from prompt_queue.simulator.limiter import Limit, Limiter, LimitError, parse_limit
from prompt_queue.simulator.usage import PrefixCache

MAX_LATENCY_SECONDS = 3_600.0


class SettingsError(ValueError):
    """A setting that cannot be taken; the text says what to change."""


@dataclass(frozen=True)
class Settings:
    """What may be changed while the stand-in runs; latencies in seconds."""

    latency_seconds: float = 0.0
    latency_jitter_seconds: float = 0.0
    seed: int = 1
    envelope: Envelope = "flat"
    limit: Limit | None = None

    def as_json(self) -> dict[str, Any]:
        """The settings as the admin route shows them."""
        return {
            "latencySeconds": self.latency_seconds,
            "latencyJitterSeconds": self.latency_jitter_seconds,
            "seed": self.seed,
            "errorEnvelope": self.envelope,
            "limit": self.limit.as_json() if self.limit else None,
        }


def _seconds(document: Mapping[str, Any], name: str, present: float) -> float:
    value = document.get(name, present)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SettingsError(f"{name} must be a number of seconds.")
    if not 0 <= value <= MAX_LATENCY_SECONDS:
        raise SettingsError(f"{name} must be between 0 and {MAX_LATENCY_SECONDS:g} seconds.")
    return float(value)


def changed_settings(present: Settings, document: Any) -> Settings:
    """The settings with a JSON object's changes; raises `SettingsError`."""
    if not isinstance(document, Mapping):
        raise SettingsError("Settings are a JSON object.")
    unknown = sorted(set(document) - set(present.as_json()))
    if unknown:
        known = ", ".join(present.as_json())
        raise SettingsError(f"Unknown setting {unknown[0]!r}; known: {known}.")
    seed = document.get("seed", present.seed)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise SettingsError("seed must be a whole number.")
    envelope = document.get("errorEnvelope", present.envelope)
    if envelope not in ("flat", "nested"):
        raise SettingsError('errorEnvelope must be "flat" or "nested".')
    try:
        limit = parse_limit(document["limit"]) if "limit" in document else present.limit
    except LimitError as error:
        raise SettingsError(str(error)) from None
    return Settings(
        latency_seconds=_seconds(document, "latencySeconds", present.latency_seconds),
        latency_jitter_seconds=_seconds(
            document, "latencyJitterSeconds", present.latency_jitter_seconds
        ),
        seed=seed,
        envelope="nested" if envelope == "nested" else "flat",
        limit=limit,
    )


class State:
    """One stand-in's memory; used from its event loop only."""

    def __init__(self, api_key: str, settings: Settings) -> None:
        self.api_key = api_key
        self.calls = CallLog()
        self.faults = FaultScript(settings.seed)
        self.prefixes = PrefixCache()
        self._first_settings = settings
        self._limit: Limit | None = None
        self.limiter: Limiter | None = None
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Take new settings; the dice start anew from their seed."""
        if settings.limit != self._limit:
            self.limiter = Limiter(settings.limit) if settings.limit else None
            self._limit = settings.limit
        self.settings = settings
        self.faults.reseed(settings.seed)
        self._jitter = random.Random(settings.seed)  # noqa: S311

    def reset(self) -> None:
        """Forget faults and changed settings; the log stays."""
        self.faults.clear()
        self.apply(self._first_settings)

    def arrival_seconds(self) -> float:
        """How long the next request takes to where it is counted."""
        return self._limit.jitter * self._jitter.random() if self._limit else 0.0

    def generation_seconds(self) -> float:
        """How long the next answer takes."""
        jitter = self.settings.latency_jitter_seconds * self._jitter.random()
        return self.settings.latency_seconds + jitter


STATE = web.AppKey("stand_in_state", State)
