"""The short way out: who was just refused for asking too often is refused again at the door."""

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from prompt_queue.api.problems import problem_response
from prompt_queue.api.rates import AskedTooOften

REMEMBERED_SECONDS: Final = 1.0
"""So soon a higher limit is heard, or that the credentials are no longer good."""

_MOST_REMEMBERED: Final = 10_000
_CREDENTIALS: Final = frozenset({b"authorization", b"x-act-for"})


@dataclass(frozen=True, slots=True)
class _Shut:
    refusal: AskedTooOften
    route: Any
    until: float


class Turnstile:
    """Remembers refusals by what was asked and with which credentials.

    The same request would find its route, its caller and an empty bucket again: three times the
    work of this, and it is a flood's requests that are the same.
    """

    def __init__(self) -> None:
        self._shut: OrderedDict[bytes, _Shut] = OrderedDict()

    def shut(self, scope: Scope, refusal: AskedTooOften) -> None:
        """From now on, and until the bucket has a request for this user."""
        until = min(refusal.until, time.monotonic() + REMEMBERED_SECONDS)
        self._shut[_name(scope)] = _Shut(refusal, scope.get("route"), until)
        while len(self._shut) > _MOST_REMEMBERED:
            self._shut.popitem(last=False)

    def find(self, scope: Scope) -> AskedTooOften | None:
        """The refusal that holds for a request, which then counts for its route."""
        if not self._shut:
            return None
        name = _name(scope)
        found = self._shut.get(name)
        if found is None:
            return None
        now = time.monotonic()
        if now >= found.until:
            del self._shut[name]
            return None
        scope["route"] = found.route
        return found.refusal.at(now)


class TurnstileDoor:
    """Stands before the routes, behind what looks at hosts and origins."""

    def __init__(self, app: ASGIApp, turnstile: Turnstile) -> None:
        self._app = app
        self._turnstile = turnstile

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._turnstile.find(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        response = problem_response(refusal, scope["path"], scope["state"]["request_id"])
        await response(scope, receive, send)


def _name(scope: Scope) -> bytes:
    """Of a request, without anything that could be read out of it."""
    shown = [part for header in scope["headers"] if header[0] in _CREDENTIALS for part in header]
    asked = (scope["method"].encode(), scope["raw_path"], scope["query_string"], *shown)
    return hashlib.sha256(b"\0".join(asked)).digest()
