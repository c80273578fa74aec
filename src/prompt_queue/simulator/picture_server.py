"""Serves given bytes over HTTP: photographs and broken pictures for tests. Standard library."""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

_TYPES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


@dataclass(frozen=True)
class _Served:
    data: bytes
    content_type: str
    status: int
    delay_seconds: float
    headers: dict[str, str]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, host: str, files: dict[str, _Served], hits: list[str]) -> None:
        super().__init__((host, 0), _Handler)
        self.files = files
        self.hits = hits
        self.closing = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: clients that leave early are part of what is tested."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Serve what was added under this name, else 404."""
        name = unquote(urlsplit(self.path).path).removeprefix("/")
        self.server.hits.append(name)
        served = self.server.files.get(name, _Served(b"not here", "text/plain", 404, 0, {}))
        self.server.closing.wait(served.delay_seconds)
        self.send_response(served.status)
        self.send_header("Content-Type", served.content_type)
        self.send_header("Content-Length", str(len(served.data)))
        for header, value in served.headers.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(served.data)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep test output clean."""


class PictureServer:
    """A tiny web server on loopback with any free port; close it, or use it in a ``with``."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self.hits: list[str] = []
        self._files: dict[str, _Served] = {}
        self._server = _Server(host, self._files, self.hits)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="picture-server", daemon=True
        )
        self._thread.start()

    @property
    def host_port(self) -> str:
        """``127.0.0.1:PORT``, for settings that take trusted hosts."""
        return f"{self._host}:{self._server.server_port}"

    def url(self, name: str) -> str:
        """The address of a name, whether something was added there or not."""
        return f"http://{self.host_port}/{quote(name)}"

    def add(
        self,
        name: str,
        data: bytes,
        content_type: str | None = None,
        *,
        status: int = 200,
        delay_seconds: float = 0.0,
        headers: dict[str, str] | None = None,
    ) -> str:
        """Serve these bytes under this name and return the address.

        Without ``content_type`` the name's ending decides. ``delay_seconds`` passes before the
        answer's first byte. ``hits`` lists the names asked for, in order.
        """
        guessed = _TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
        self._files[name] = _Served(
            data, content_type or guessed, status, delay_seconds, headers or {}
        )
        return self.url(name)

    def close(self) -> None:
        """Stop serving; safe to call again."""
        self._server.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
