"""``python -m prompt_queue.simulator.wavespeed``: serve the stand-in until told to stop."""

from collections.abc import Callable

from aiohttp import web

from prompt_queue.simulator.key import given_key
from prompt_queue.simulator.run import arguments, serve_until_stopped
from prompt_queue.simulator.wavespeed.life import Pace
from prompt_queue.simulator.wavespeed.server import WaveSpeed, build_app


def main() -> None:
    """Read the arguments and serve."""
    given = arguments("prompt_queue.simulator.wavespeed")

    def build() -> tuple[web.Application, Callable[[int], None]]:
        wavespeed = WaveSpeed(given_key(), Pace(given.latency), given.seed)

        def bound(port: int) -> None:
            wavespeed.port = port

        return build_app(wavespeed), bound

    serve_until_stopped(
        build, given.host, given.port,
        "stand-in for WaveSpeed listening on {address} "
        "(pictures are made up by a local program, not by WaveSpeed)",
        ready_fd=given.ready_fd,
    )  # fmt: skip


if __name__ == "__main__":
    main()
