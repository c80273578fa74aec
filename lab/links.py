"""Waiting for a spoilt line to matter."""

import asyncio
import time

from lab.proxy.tcp import TcpProxy

_LOOK_SECONDS = 0.02


async def bitten(proxy: TcpProxy, within: float = 5.0) -> bool:
    """True as soon as the proxy's present modes did something to bytes; False if they did not."""
    give_up = time.monotonic() + within
    while not proxy.bites and time.monotonic() < give_up:
        await asyncio.sleep(_LOOK_SECONDS)
    return bool(proxy.bites)
