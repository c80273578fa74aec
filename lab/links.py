"""Waiting for a spoilt line to matter."""

import asyncio
import time

from lab.proxy.tcp import TcpProxy

_LOOK_SECONDS = 0.02
_WAIT_SECONDS = 5.0


async def bitten(proxy: TcpProxy) -> bool:
    """True as soon as the proxy's present modes did something to bytes; False after 5 seconds."""
    give_up = time.monotonic() + _WAIT_SECONDS
    while not proxy.bites and time.monotonic() < give_up:
        await asyncio.sleep(_LOOK_SECONDS)
    return bool(proxy.bites)
