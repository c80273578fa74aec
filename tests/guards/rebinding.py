"""A name server that lies: a name leads to a public address once, and inside the next time."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp.abc import AbstractResolver, ResolveResult

_A = 1
_IN = 1
_ANSWER = 0x8180


class RebindingNames(asyncio.DatagramProtocol):
    """Answers every question for an IPv4 address; each name goes through `addresses` in turn."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self.addresses = addresses
        self.asked: dict[bytes, int] = {}

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        (number,) = struct.unpack_from("!H", data)
        question = data[12:]
        turn = self.asked.get(question, 0)
        self.asked[question] = turn + 1
        address = socket.inet_aton(self.addresses[turn % len(self.addresses)])
        record = struct.pack("!HHHIH4s", 0xC00C, _A, _IN, 0, 4, address)
        header = struct.pack("!HHHHHH", number, _ANSWER, 1, 1, 0, 0)
        self.transport.sendto(header + question + record, addr)


class AskingResolver(AbstractResolver):
    """Asks the name server each time, as nobody who keeps answers for zero seconds may."""

    def __init__(self, server: tuple[str, int], port: int) -> None:
        self.server, self.port = server, port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            labels = b"".join(bytes([len(part)]) + part.encode() for part in host.split("."))
            question = labels + b"\0" + struct.pack("!HH", _A, _IN)
            header = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0)
            await loop.sock_sendto(asking, header + question, self.server)
            async with asyncio.timeout(5):
                answer = await loop.sock_recv(asking, 512)
        return [
            ResolveResult(
                hostname=host, host=socket.inet_ntoa(answer[-4:]), port=self.port,
                family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST,
            )
        ]  # fmt: skip

    async def close(self) -> None:
        pass


@asynccontextmanager
async def rebinding(*addresses: str) -> AsyncIterator[tuple[RebindingNames, tuple[str, int]]]:
    """The name server, and where it listens."""
    names = RebindingNames(addresses)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: names, local_addr=("127.0.0.1", 0)
    )
    try:
        yield names, transport.get_extra_info("sockname")
    finally:
        transport.close()
