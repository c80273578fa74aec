"""The running HTTP server, as `enqueue` talks to it."""

import asyncio
import json
import mimetypes
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompt_queue.cli.errors import CommandFailed, ExitCode

if TYPE_CHECKING:
    import aiohttp

JsonObject = dict[str, Any]
ANSWER_SECONDS = 60.0
UPLOAD_SECONDS = 300.0
_PASSING = frozenset({408, 429, 502, 503, 504})


class ServerAway(CommandFailed):
    """No answer, or one that says that another try may work."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ExitCode.UNREACHABLE)


class QueueServer:
    """The routes that the command line uses. Every method raises ServerAway or CommandFailed."""

    def __init__(
        self, session: "aiohttp.ClientSession", base: str, token: str | None = None
    ) -> None:
        self._session = session
        self._base = base.rstrip("/")
        self._shown = {} if token is None else {"Authorization": f"Bearer {token}"}

    async def upload(self, picture: Path) -> str:
        """Store a local file with the server and return its URL."""
        kind = mimetypes.guess_type(picture.name)[0] or "application/octet-stream"
        try:
            with picture.open("rb") as body:
                _, stored = await self._ask(
                    "POST", "/api/uploads", {"Content-Type": kind}, body, UPLOAD_SECONDS
                )
        except PermissionError:
            raise CommandFailed(f"{picture} cannot be read", ExitCode.USAGE) from None
        return str(stored["url"])

    async def enqueue(self, request: JsonObject, key: str | None) -> JsonObject:
        """Queue a job; the server's answer."""
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        _, accepted = await self._ask(
            "POST", "/api/prompt/queue", headers, json.dumps(request), ANSWER_SECONDS
        )
        return accepted

    async def job(self, job_id: str, etag: str, wait: float) -> tuple[str, JsonObject | None]:
        """The job and its ETag, held back for up to `wait` seconds; None while still the same."""
        seconds = max(0, min(round(wait), 60))
        path = f"/api/prompt/queue/{job_id}?wait={seconds}"
        headers = {"If-None-Match": etag} if etag else {}
        answer, job = await self._ask("GET", path, headers, None, seconds + ANSWER_SECONDS)
        return answer.headers.get("ETag", ""), None if answer.status == 304 else job

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: Any, seconds: float
    ) -> tuple["aiohttp.ClientResponse", JsonObject]:
        import aiohttp

        try:
            async with (
                asyncio.timeout(seconds),
                self._session.request(
                    method,
                    self._base + path,
                    headers={**headers, **self._shown},
                    data=body,
                    allow_redirects=False,
                ) as response,
            ):
                text = await response.text(errors="replace")
        except TimeoutError:
            raise ServerAway(
                f"the server at {self._base} has not answered within {seconds:.0f} s"
            ) from None
        except aiohttp.ClientConnectorError:
            raise ServerAway(
                f"no server answers at {self._base}; start one with: prompt-queue up"
            ) from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise ServerAway(
                f"the connection to {self._base} broke ({type(error).__name__}); try again"
            ) from None
        if response.status == 304:
            return response, {}
        return response, self._understood(response.status, response.content_type, text)

    def _understood(self, status: int, media_type: str, text: str) -> JsonObject:
        try:
            document = json.loads(text)
        except ValueError:
            document = None
        if not isinstance(document, dict) or (status >= 400 and "detail" not in document):
            kind = ServerAway if status in _PASSING else CommandFailed
            raise kind(
                f"what answers at {self._base} is not prompt-queue (HTTP {status}, {media_type}); "
                "name another address with --url"
            )
        if status >= 400:
            raise problem_error(status, document)
        return document


def problem_error(status: int, problem: JsonObject) -> CommandFailed:
    """A problem document as sentences, each with the place in the request that it is about."""
    places = [error for error in problem.get("errors", []) if isinstance(error, dict)]
    lines = []
    general = str(problem["detail"])
    if not any(general.endswith(str(error.get("detail"))) for error in places):
        lines.append(general)
    for error in places:
        where = error.get("pointer") or error.get("header") or error.get("parameter") or "request"
        lines.append(f"{where}: {error.get('detail', '')}")
    message = "\n".join(lines)
    if status in _PASSING:
        return ServerAway(message)
    if status == 401:
        message += " On the command line: --token, or PROMPT_QUEUE_TOKEN."
    if status == 404:
        return CommandFailed(message, ExitCode.NOT_FOUND)
    return CommandFailed(message, ExitCode.USAGE if status < 500 else ExitCode.FAILED)


@asynccontextmanager
async def open_server(base: str, token: str | None = None) -> AsyncIterator[QueueServer]:
    """The server at a base URL. Raises CommandFailed for an address that is not one."""
    from prompt_queue.guards.egress import provider_session

    if token is not None and not (token.isascii() and token.isprintable()):
        raise CommandFailed("the token has characters that no header can carry", ExitCode.USAGE)
    try:
        session = provider_session(base)
    except ValueError:
        raise CommandFailed(
            f"{base} is not the address of a server; write for example http://127.0.0.1:8080",
            ExitCode.USAGE,
        ) from None
    async with session:
        yield QueueServer(session, base, token)
