"""What stands before the routes: the envelope of every answer, and the door of loopback mode."""

import re
import time
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prompt_queue.api.bodies import is_json
from prompt_queue.api.cors import ANSWER_HEADERS
from prompt_queue.api.problems import Problem, database_away, problem_response
from prompt_queue.api.refusals import REFUSING, Refusals
from prompt_queue.api.traffic import note_request
from prompt_queue.guards.callbacks import CALLBACK_PATH
from prompt_queue.jobs.ids import new_id
from prompt_queue.store.database import DatabaseUnavailable
from prompt_queue.telemetry import Event, log

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?")
_EVERYWHERE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_HTTPS_ALONE = {"Strict-Transport-Security": "max-age=31536000"}
_UNLESS_SAID = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_RAW_BODIES = frozenset({"/api/uploads"})


class Envelope:
    """Gives every request an id, every answer its headers, and every crash a document.

    Browsers come back over HTTPS alone where `base_url` is an address of it.
    """

    def __init__(self, app: ASGIApp, base_url: str) -> None:
        self._app = app
        self._refusals = Refusals()
        self._headers = _EVERYWHERE | (_HTTPS_ALONE if base_url.startswith("https:") else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        offered = Headers(scope=scope).get("x-request-id", "")
        request_id = offered if _REQUEST_ID.fullmatch(offered) else str(new_id())
        scope.setdefault("state", {})["request_id"] = request_id
        started, begun, status, code = False, time.monotonic(), 499, ""

        async def send_dressed(message: Message) -> None:
            nonlocal started, status, code
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                headers = MutableHeaders(scope=message)
                code = headers.get("x-error-code", "")
                more = scope["state"].get(ANSWER_HEADERS, {})
                _dress(headers, {"X-Request-Id": request_id, **self._headers}, more)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_dressed)
            except ClientDisconnect:
                return
            except Exception as error:
                problem = _explained(error, scope)
                if started:
                    raise
                response = problem_response(problem, scope["path"], request_id)
                await response(scope, receive, send_dressed)
            finally:
                note_request(scope, status, time.monotonic() - begun)
                if status in REFUSING:
                    self._refusals.note(scope, status, code)


def _dress(headers: MutableHeaders, always: Mapping[str, str], more: Mapping[str, str]) -> None:
    for name, value in more.items():
        if name == "Vary":
            headers.add_vary_header(value)
        else:
            # Public code says of itself that it is for everybody.
            headers.setdefault(name, value)
    for name, value in always.items():
        headers[name] = value
    for name, value in _UNLESS_SAID.items():
        headers.setdefault(name, value)


def _explained(error: Exception, scope: Scope) -> Problem:
    """What the client learns; the log learns the rest."""
    if isinstance(error, DatabaseUnavailable):
        return database_away()
    log(
        Event.SERVER_ERROR,
        level="error",
        method=scope["method"],
        path=scope["path"],
        exc_info=error,
    )
    return Problem(
        "internal_error",
        "Something went wrong on our side; the operator finds it in the log by the request id.",
    )


class Door:
    """Lets in only who came here on purpose: without an identity, the address is all there is.

    A page of another site can make a browser send requests here, under a name of its own choosing
    (DNS rebinding); neither may read or write. `base_url` and `hosts`, each `host` or `host:port`,
    are names that are expected besides the loopback ones; pages of `origins` may write.
    """

    def __init__(
        self, app: ASGIApp, base_url: str, hosts: Collection[str], origins: Collection[str]
    ) -> None:
        self._app = app
        own = urlsplit(base_url)
        self._names = frozenset({own.netloc.lower(), *hosts})
        self._origins = frozenset({f"{own.scheme}://{own.netloc.lower()}", *origins})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            problem = self.complaint(scope["method"], scope["path"], Headers(scope=scope))
            if problem is not None:
                response = problem_response(problem, scope["path"], scope["state"]["request_id"])
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def complaint(self, method: str, path: str, headers: Headers) -> Problem | None:
        """Why a request may not pass, or None."""
        hosts = headers.getlist("host")
        host = _split(hosts[0].lower()) if len(hosts) == 1 else None
        if host is None or not self._is_ours(*host):
            return Problem(
                "misdirected_host",
                "This server answers under localhost, 127.0.0.1, [::1] and the name in "
                "PROMPT_QUEUE_PUBLIC_URL; PROMPT_QUEUE_ALLOWED_HOSTS adds others.",
            )
        if method in _READING:
            return None
        if not self._is_same_origin(headers, host):
            return Problem(
                "cross_origin",
                "Pages of other sites may not write here; call from your own server, or from a "
                "page of this one, or name the site in PROMPT_QUEUE_ALLOWED_ORIGINS.",
            )
        if (
            path not in _RAW_BODIES
            # Signed over its bytes, whatever they are called.
            and not path.startswith(CALLBACK_PATH)
            and _has_body(headers)
            and not is_json(headers.get("content-type"))
        ):
            return Problem(
                "unsupported_media_type",
                "Send JSON, with the header `Content-Type: application/json`.",
            )
        return None

    def _is_ours(self, host: str, port: int | None) -> bool:
        if host in LOOPBACK_NAMES:
            return True
        return host in self._names or f"{host}:{port}" in self._names

    def _is_same_origin(self, headers: Headers, host: tuple[str, int | None]) -> bool:
        origin = headers.get("origin")
        if origin in self._origins:
            return True
        if headers.get("sec-fetch-site", "same-origin").lower() not in {"same-origin", "none"}:
            return False
        if origin is None:
            return True
        scheme, _, authority = origin.lower().partition("://")
        if scheme not in {"http", "https"}:
            return False
        usual = 443 if scheme == "https" else 80
        there = _split(authority)
        return there is not None and (there[0], there[1] or usual) == (host[0], host[1] or usual)


def _split(authority: str) -> tuple[str, int | None] | None:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return None
    return match["host"], int(match["port"]) if match["port"] else None


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
