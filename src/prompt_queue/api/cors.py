"""Pages of other sites: which of them may call from a browser, and what they are told of it."""

from collections.abc import Collection, Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

ANSWER_HEADERS: Final = "answer_headers"
"""The key of the request's state under which the envelope finds headers for every answer."""

_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
_ALLOWED: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Prefer, "
    "X-Request-Id, traceparent"
)
_EXPOSED: Final = (
    "ETag, Idempotency-Replayed, Link, Location, Preference-Applied, RateLimit, RateLimit-Policy, "
    "Retry-After, X-Error-Code, X-Request-Id"
)
_REMEMBERED_SECONDS: Final = 600


class CrossOrigin:
    """Lets pages of the allowed origins read answers, errors too, and answers their preflights.

    Credentials that a browser sends by itself are never wanted: a page shows its token.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked = Headers(scope=scope)
            allowed = asked.get("origin") in self._origins
            scope["state"][ANSWER_HEADERS] = self._answer_headers(asked)
            if allowed and scope["method"] == "OPTIONS" and _ASKS in asked:
                await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _answer_headers(self, asked: Headers) -> Mapping[str, str]:
        if not self._origins:
            return {}
        origin = asked.get("origin", "")
        if origin not in self._origins:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
        }


_ASKS: Final = "access-control-request-method"
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": _METHODS,
    "Access-Control-Allow-Headers": _ALLOWED,
    "Access-Control-Max-Age": str(_REMEMBERED_SECONDS),
}
