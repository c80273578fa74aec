"""A storage that signs and serves as Supabase Storage does, on loopback, with a log."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

KEY = "service-role-key"
OBJECT = "/storage/v1/object/"
SIGN = OBJECT + "sign/"


@dataclass
class FakeStorage:
    """`objects` by `bucket/path`; `reply` answers every signing instead, where it is set."""

    base: str
    objects: dict[str, bytes] = field(default_factory=dict)
    signed: list[tuple[str, int]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    reply: tuple[int, bytes] | None = None


class _Handler(BaseHTTPRequestHandler):
    storage: FakeStorage

    def do_POST(self) -> None:
        if not self.path.startswith(SIGN):
            self._store()
            return
        path = unquote(self.path.removeprefix(SIGN))
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.storage.signed.append((path, body["expiresIn"]))
        if self.storage.reply is not None:
            self._answer(*self.storage.reply)
        elif self.headers["Authorization"] != f"Bearer {KEY}" or self.headers["apikey"] != KEY:
            self._say(400, statusCode="403", error="Unauthorized", message="signature is invalid")
        elif path not in self.storage.objects:
            self._say(400, statusCode="404", error="not_found", message="Object not found")
        else:
            token = f"token-{len(self.storage.signed)}"
            self._say(200, signedURL=f"{self.path.removeprefix('/storage/v1')}?token={token}")

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path.startswith(OBJECT + "public/"):
            self._answer(200, self.storage.objects[url.path.removeprefix(OBJECT + "public/")])
            return
        path = unquote(url.path.removeprefix(SIGN))
        self.storage.fetched.append(path)
        if path in self.storage.objects and "token" in parse_qs(url.query):
            self._answer(200, self.storage.objects[path])
        else:
            self._say(400, statusCode="404", error="not_found", message="Object not found")

    def _store(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        path = unquote(self.path.removeprefix(OBJECT))
        if self.storage.reply is not None:
            self._answer(*self.storage.reply)
        elif self.headers["Authorization"] != f"Bearer {KEY}" or self.headers["apikey"] != KEY:
            self._answer(403, b"{}")
        else:
            self.storage.objects[path] = data
            self._say(200, Key=path)

    def _say(self, status: int, **body: str) -> None:
        self._answer(status, json.dumps(body).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def fake_storage() -> Iterator[FakeStorage]:
    """The storage, while the block runs."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    storage = handler.storage = FakeStorage(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield storage
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
