"""Requests that were not let in, in the log: who tries doors leaves a trace, and cannot fill it."""

import time
from collections.abc import Callable
from typing import Final

from starlette.types import Scope

from prompt_queue.telemetry import Event, log

EVERY_SECONDS: Final = 1.0
"""One line of each code in so many seconds; the others are counted in the next."""

REFUSING: Final = frozenset({401, 403, 421, 429})


class Refusals:
    """Says what was refused, to whom as far as that is known, and how many more there were.

    `clock` gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}

    def note(self, scope: Scope, status: int, code: str) -> None:
        """An answer of one of our problems; the route is named, never the address with its ids."""
        now = self._clock()
        said_at, more = self._said.get(code, (-EVERY_SECONDS, 0))
        if now - said_at < EVERY_SECONDS:
            self._said[code] = (said_at, more + 1)
            return
        self._said[code] = (now, 0)
        caller = scope["state"].get("caller")
        client = scope.get("client")
        log(
            Event.ACCESS_REFUSED,
            level="warning",
            status=status,
            code=code,
            method=scope["method"],
            route=getattr(scope.get("route"), "path", "none"),
            client=client[0] if client else None,
            actor=caller.actor if caller else None,
            more=more,
        )
