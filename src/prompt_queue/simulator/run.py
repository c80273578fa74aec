"""The entry of the stand-in's own process: serves until SIGTERM or SIGINT."""

import argparse
import asyncio
import contextlib
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable

from aiohttp import web
from PIL import Image

from prompt_queue.simulator.key import DEFAULT_API_KEY
from prompt_queue.simulator.lifeline import hold_lifeline
from prompt_queue.simulator.pictures import Pictures
from prompt_queue.simulator.server import build_app
from prompt_queue.simulator.state import Settings, State

LONGEST_FAREWELL_SECONDS = 0.8
HANDLER_GRACE_SECONDS = 0.2
BACKLOG = 1_024
WANTED_FILES = 16_384

Build = Callable[[], tuple[web.Application, Callable[[int], None]]]


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS refuses values above its own per-process limit; the soft limit then stays.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bound_port(runner: web.AppRunner) -> int:
    return int(runner.addresses[0][1])


def _announce(sentence: str, host: str, port: int, ready_fd: int | None) -> None:
    sys.stdout.write(sentence.format(address=_address(host, port)) + "\n")
    sys.stdout.flush()
    if ready_fd is not None:
        with os.fdopen(ready_fd, "w") as starter:
            starter.write(f"{port}\n")


def _stop_on_signals(stop: asyncio.Event) -> None:
    def begin_farewell() -> None:
        stop.set()
        # A picture that is being decoded cannot be interrupted, and must not hold up the end.
        last = threading.Timer(LONGEST_FAREWELL_SECONDS, os._exit, args=(0,))
        last.daemon = True
        last.start()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, begin_farewell)


async def _serve(build: Build, host: str, port: int, sentence: str, ready_fd: int | None) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    app, on_bound = build()
    runner = web.AppRunner(
        app,
        handler_cancellation=True,
        access_log=None,
        shutdown_timeout=HANDLER_GRACE_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        on_bound(_bound_port(runner))
        _announce(sentence, host, _bound_port(runner), ready_fd)
        await stop.wait()
    finally:
        await runner.cleanup()


def serve_until_stopped(
    build: Build, host: str, port: int, sentence: str, *, ready_fd: int | None = None
) -> None:
    """Serve what `build` makes inside the loop until SIGTERM or SIGINT; ends within a second.

    `build` returns the application and what is told the port. `sentence` has a place for the
    `address`. When serving, the port is written to ``ready_fd``. Blocks; main thread only. Raises
    `OSError` when the port is taken.
    """
    hold_lifeline()
    _allow_many_connections()
    asyncio.run(_serve(build, host, port, sentence, ready_fd))


def run_simulator(
    host: str = "127.0.0.1",
    port: int = 0,
    api_key: str = DEFAULT_API_KEY,
    latency_seconds: float = 0.0,
    seed: int = 1,
    *,
    ready_fd: int | None = None,
) -> None:
    """Serve the stand-in for xAI, see `serve_until_stopped`.

    ``latency_seconds`` is how long each answer takes, ``seed`` seeds the scripted faults' dice.
    """
    # The limit is xAI's and checked in `decoding`; Pillow's own is half of it.
    Image.MAX_IMAGE_PIXELS = None
    state = State(api_key, Settings(latency_seconds=latency_seconds, seed=seed))
    serve_until_stopped(
        lambda: (build_app(state, Pictures.open()), lambda _port: None),
        host,
        port,
        "stand-in for xAI listening on {address} "
        "(answers are made up by a local program, not by Grok)",
        ready_fd=ready_fd,
    )


def arguments(program: str) -> argparse.Namespace:
    """What a stand-in is started with, beside its key."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds each answer takes")
    parser.add_argument("--seed", type=int, default=1, help="seeds fault probability and jitter")
    parser.add_argument(
        "--ready-fd", type=int, default=None, help="file descriptor that is told the port"
    )
    return parser.parse_args()
