"""Starts the stand-in in a process of its own and talks to it over HTTP only. Standard library."""

import contextlib
import http.client
import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from prompt_queue.simulator.key import DEFAULT_API_KEY, KEY_VARIABLE
from prompt_queue.simulator.lifeline import LIFELINE_VARIABLE

START_SECONDS = 30.0
STOP_SECONDS = 3.0
REQUEST_SECONDS = 30.0
_LOOPBACK = "127.0.0.1"


class StandInError(Exception):
    """The stand-in did not start, or refused an instruction; the text says why."""


class _OwnProcess:
    """A stand-in that this process started, and the pipe on which its life hangs."""

    def __init__(self, module: str, arguments: list[str], api_key: str) -> None:
        lifeline, self._lifeline = os.pipe()
        self._ready, ready = os.pipe()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        self.last_output = ""
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments, f"--ready-fd={ready}"],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                env=os.environ | {LIFELINE_VARIABLE: str(lifeline), KEY_VARIABLE: api_key},
                pass_fds=(lifeline, ready),
            )
        except BaseException:
            self._close_files()
            raise
        finally:
            os.close(lifeline)
            os.close(ready)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self) -> int:
        with selectors.DefaultSelector() as watch:
            watch.register(self._ready, selectors.EVENT_READ)
            told = watch.select(START_SECONDS)
        port = os.read(self._ready, 64).decode().strip() if told else ""
        if port:
            return int(port)
        self.stop()
        raise StandInError(f"The stand-in did not start. Its output: {self.last_output}")

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if not self._output.closed:
            self._output.seek(0)
            self.last_output = self._output.read()[-2_000:].decode(errors="replace").strip()
            self._close_files()

    def _close_files(self) -> None:
        self._output.close()
        os.close(self._lifeline)
        os.close(self._ready)


class StandIn:
    """A handle on a stand-in for xAI.

    ``base_url`` (``http://127.0.0.1:PORT/v1``) and ``api_key`` are what a client of xAI needs.
    `start` starts one in its own process, which ends with this process whatever happens to it;
    `attach` talks to one that runs already. Usable as a context manager.
    """

    module = "prompt_queue.simulator"
    path = "/v1"

    def __init__(
        self, base_url: str, api_key: str, *, since: int = 0, process: _OwnProcess | None = None
    ) -> None:
        self.base_url = base_url
        self.api_key = api_key
        self._since = since
        self._process = process

    @classmethod
    def start(
        cls,
        *,
        api_key: str = DEFAULT_API_KEY,
        latency_seconds: float = 0.0,
        seed: int = 1,
        port: int = 0,
        host: str = _LOOPBACK,
    ) -> Self:
        """Start one on loopback and return when it serves; raises `StandInError`.

        With another ``host``, an address of this machine, it serves all of them, and
        ``base_url`` names that one.
        """
        process = _OwnProcess(
            cls.module,
            [
                f"--host={_LOOPBACK if host == _LOOPBACK else '0.0.0.0'}",  # noqa: S104
                f"--port={port}",
                f"--latency={latency_seconds}",
                f"--seed={seed}",
            ],
            api_key,
        )
        bound = process.wait_ready()
        return cls(f"http://{host}:{bound}{cls.path}", api_key, process=process)

    @classmethod
    def attach(cls, base_url: str, api_key: str = DEFAULT_API_KEY) -> Self:
        """Return a handle on a running stand-in; `stop` does not end that one."""
        return cls(base_url.rstrip("/"), api_key)

    @property
    def pid(self) -> int | None:
        """The process id, None for a handle that did not start the process."""
        return self._process.pid if self._process else None

    def stop(self) -> None:
        """End the process, if this handle started it; safe to call again."""
        if self._process is not None:
            self._process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def fresh_view(self) -> Self:
        """Clear faults and settings, and return a handle whose log starts now."""
        last_call: int = self._ask("POST", "/admin/reset")["lastCall"]
        return type(self)(self.base_url, self.api_key, since=last_call)

    def script(self, *faults: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Add faults, for example ``{"fault": "status", "status": 503, "times": 2}``.

        Returns the whole script; raises `StandInError` when one of them cannot be played.
        """
        result: list[dict[str, Any]] = self._ask("POST", "/admin/faults", [*map(dict, faults)])
        return result

    def faults(self) -> list[dict[str, Any]]:
        """The script, with how often each fault was used."""
        result: list[dict[str, Any]] = self._ask("GET", "/admin/faults")
        return result

    def clear_faults(self) -> None:
        """Forget every scripted fault."""
        self._ask("DELETE", "/admin/faults")

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change ``latency_seconds``, ``latency_jitter_seconds``, ``seed``, ``error_envelope``.

        Returns all settings; raises `StandInError` for a value that is not taken.
        """
        document = {_camel(name): value for name, value in changes.items()}
        result: dict[str, Any] = self._ask("POST", "/admin/settings", document)
        return result

    def calls(self, since: int | None = None) -> list[dict[str, Any]]:
        """The provider's own log, oldest first, calls still open included."""
        number = self._since if since is None else since
        result: list[dict[str, Any]] = self._ask("GET", f"/admin/calls?since={number}")
        return result

    def _ask(self, method: str, path: str, document: Any = None) -> Any:
        place = urlsplit(self.base_url)
        # The admin routes answer loopback alone.
        host = _LOOPBACK if self._process else place.hostname or _LOOPBACK
        connection = http.client.HTTPConnection(host, place.port, timeout=REQUEST_SECONDS)
        with contextlib.closing(connection):
            body = None if document is None else json.dumps(document)
            headers = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            with connection.getresponse() as response:
                answer = json.loads(response.read())
        if response.status != 200:
            raise StandInError(str(answer.get("error", answer)))
        return answer


class WaveSpeedStandIn(StandIn):
    """A handle on a stand-in for WaveSpeed; ``base_url`` is what ``WAVESPEED_API_BASE`` takes.

    Its settings are ``latency_seconds``, ``at_once`` and ``pictures_a_minute``; its log has one
    entry for each submit, with what was charged.
    """

    module = "prompt_queue.simulator.wavespeed"
    path = ""


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
