"""The entry of the stand-in's own process: serves until SIGTERM or SIGINT."""

import asyncio
import contextlib
import os
import resource
import signal
import sys
import threading

from aiohttp import web
from PIL import Image

from prompt_queue.simulator.lifeline import hold_lifeline
from prompt_queue.simulator.pictures import Pictures
from prompt_queue.simulator.server import build_app
from prompt_queue.simulator.state import Settings, State

DEFAULT_API_KEY = "stand-in-key"
LONGEST_FAREWELL_SECONDS = 0.8
HANDLER_GRACE_SECONDS = 0.2
BACKLOG = 1_024
WANTED_FILES = 16_384


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


def _announce(host: str, port: int, ready_fd: int | None) -> None:
    sys.stdout.write(
        f"stand-in for xAI listening on {_address(host, port)} "
        "(answers are made up by a local program, not by Grok)\n"
    )
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


async def _serve(host: str, port: int, state: State, ready_fd: int | None) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    runner = web.AppRunner(
        build_app(state, Pictures.open()),
        handler_cancellation=True,
        access_log=None,
        shutdown_timeout=HANDLER_GRACE_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        _announce(host, _bound_port(runner), ready_fd)
        await stop.wait()
    finally:
        await runner.cleanup()


def run_simulator(
    host: str = "127.0.0.1",
    port: int = 0,
    api_key: str = DEFAULT_API_KEY,
    latency_seconds: float = 0.0,
    seed: int = 1,
    *,
    ready_fd: int | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then end within a second. Blocks; main thread only.

    ``latency_seconds`` is how long each answer takes, ``seed`` seeds the scripted faults' dice.
    When serving, the port is written to ``ready_fd``. Raises `OSError` when the port is taken.
    """
    hold_lifeline()
    _allow_many_connections()
    # The limit is xAI's and checked in `decoding`; Pillow's own is half of it.
    Image.MAX_IMAGE_PIXELS = None
    state = State(api_key, Settings(latency_seconds=latency_seconds, seed=seed))
    asyncio.run(_serve(host, port, state, ready_fd))
