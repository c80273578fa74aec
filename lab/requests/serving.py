"""`python -m lab.requests.serving`: the server on a free port, walled in on this machine.

It runs on the standard event loop: there each connection is seen by an audit hook, and one that
would leave the machine is refused.
"""

import asyncio
import ipaddress
import os
import sys
from pathlib import Path

from prompt_queue.asgi import build, listen, server_for
from prompt_queue.settings import load_settings
from prompt_queue.telemetry import configure_logging


def _refuse_the_outside(event: str, arguments: tuple[object, ...]) -> None:
    if event not in {"socket.connect", "socket.getaddrinfo"}:
        return
    address = arguments[1] if event == "socket.connect" else arguments
    host = address[0] if isinstance(address, tuple) and address else None
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str):
        return
    try:
        inside = ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = host == "localhost"
    if not inside:
        raise PermissionError(f"the server may only talk to this machine, not to {host}")


async def _serve() -> None:
    with listen("127.0.0.1", 0) as listener:
        settings = load_settings(env_file=Path("no.env"), port=listener.getsockname()[1])
        async with build(settings, os.environ["DATABASE_URL"]) as app:
            print(settings.base_url, flush=True)
            await server_for(app).serve(sockets=[listener])


if __name__ == "__main__":
    configure_logging("info", "json")
    sys.addaudithook(_refuse_the_outside)
    asyncio.run(_serve())
