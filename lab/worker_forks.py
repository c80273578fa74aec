"""A fork server: imports the worker once, forks a child an incarnation, reports how each ended.

Lines of JSON: on standard input first the setup, then commands; on standard output what happened.
"""

import asyncio
import ctypes
import json
import os
import selectors
import signal
import time
import traceback
from pathlib import Path
from typing import Any

import uvloop

from prompt_queue import failpoints
from prompt_queue.settings import Settings, load_settings
from prompt_queue.telemetry import configure_logging
from prompt_queue.worker.run import run_worker

_PR_SET_PDEATHSIG = 1
_TURN_SECONDS = 0.02
# Two cores under load make every loop late by so much now and then.
_STALL_SECONDS = 0.15
_libc = ctypes.CDLL(None)


class ForkServer:
    """The parent: no event loop, no threads, so that a fork copies nothing half-done."""

    def __init__(self, log: str) -> None:
        self._log = log
        self._alive: set[int] = set()

    def obey(self, command: dict[str, Any]) -> None:
        """Start a worker, or send a signal to one that still lives."""
        if "start" in command:
            pid = os.fork()
            if pid == 0:
                self._work(command["start"], command["settings"])
            self._alive.add(pid)
            _say(1, "started", pid)
        elif command["pid"] in self._alive:
            os.kill(command["pid"], command["signal"])

    def reap(self) -> None:
        """Report every child that ended or stopped since the last time."""
        while self._alive:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                _say(1, "stopped", pid)
                continue
            self._alive.discard(pid)
            _say(1, "ended", pid, number=os.waitstatus_to_exitcode(status))

    def end(self) -> None:
        """Kill what is left."""
        for pid in self._alive:
            os.kill(pid, signal.SIGKILL)
        for pid in self._alive:
            os.waitpid(pid, 0)

    def _work(self, armed: str, values: dict[str, Any]) -> None:
        code = 1
        news = os.dup(1)
        try:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            void = os.open(os.devnull, os.O_RDWR)
            log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for descriptor, target in enumerate((void, void, log)):
                os.dup2(target, descriptor)
            failpoints.arm(armed)
            settings = load_settings({}, Path(os.devnull), **values)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_run_watched(settings, values["database_url"], news))
            code = 0
        except BaseException as error:  # noqa: BLE001 - the last words of a child that must not return
            _say(news, "failed", os.getpid(), why=f"{type(error).__name__}: {error}"[:300])
            traceback.print_exc()
        finally:
            os._exit(code)


async def _run_watched(settings: Settings, dsn: str, news: int) -> None:
    watching = asyncio.create_task(_watch_the_loop(news))
    try:
        await run_worker(settings, dsn)
    finally:
        watching.cancel()


async def _watch_the_loop(news: int) -> None:
    """Tell of every time that the loop did not turn."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(_TURN_SECONDS)
        late = time.monotonic() - before - _TURN_SECONDS
        if late > _STALL_SECONDS:
            _say(news, "stalled", os.getpid(), at=before, number=late)


def _say(to: int, what: str, pid: int, **facts: float | str) -> None:
    line = json.dumps({"what": what, "pid": pid, "at": time.monotonic()} | facts) + "\n"
    os.write(to, line.encode())


def _serve(server: ForkServer, rest: bytes) -> None:
    wakened, wake = os.pipe()
    for descriptor in (wakened, wake):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    with selectors.DefaultSelector() as watch:
        watch.register(0, selectors.EVENT_READ)
        watch.register(wakened, selectors.EVENT_READ)
        while True:
            *lines, rest = rest.split(b"\n")
            for line in lines:
                server.obey(json.loads(line))
            for key, _ in watch.select():
                data = os.read(key.fd, 65536)
                if key.fd == 0:
                    if not data:
                        return
                    rest += data
            server.reap()


def main() -> None:
    """Serve until standard input ends."""
    first = b""
    while b"\n" not in first:
        first += os.read(0, 65536) or b"\n"
    line, _, rest = first.partition(b"\n")
    setup = json.loads(line)
    configure_logging("error", "json")
    server = ForkServer(setup["log"])
    try:
        _serve(server, rest)
    finally:
        server.end()


if __name__ == "__main__":
    main()
