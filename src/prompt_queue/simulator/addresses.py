"""Which image addresses may be fetched: the public internet over https, and loopback."""

import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from prompt_queue.simulator import errors

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _inner(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(address.packed[-4:])
        return address.ipv4_mapped or address.sixtofour or address
    return address


def is_public(address: Address) -> bool:
    """Whether the address, or the IPv4 one inside it, is an ordinary internet address."""
    inner = _inner(address)
    return inner.is_global and not inner.is_multicast


def is_loopback_name(host: str) -> bool:
    """Whether a host name means this machine."""
    return host == "localhost" or host.endswith(".localhost")


def _literal(host: str) -> Address | None:
    """The address that a host is written as, None for a name.

    Raises `ValueError` for what looks like an address and is not one: a system resolver reads
    ``127.1`` or ``2130706433`` as loopback, past every check of names.
    """
    if ":" in host or host.replace(".", "").isdigit():
        return ipaddress.ip_address(host)
    return None


def check_image_url(url: str) -> None:
    """Pass an address that may be fetched.

    Raises `errors.ApiError` for a wrong scheme, plain http to anything but loopback, a malformed
    address, and literal private addresses.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        parts.port  # noqa: B018
        literal = _literal(host)
    except ValueError:
        raise errors.unfetchable_url("it cannot be parsed") from None
    if parts.scheme not in ("http", "https"):
        raise errors.unfetchable_url("expected https:// or a data: URI")
    if not host:
        raise errors.unfetchable_url("it names no host")
    loopback = literal.is_loopback if literal is not None else is_loopback_name(host)
    if loopback:
        return
    if parts.scheme == "http":
        raise errors.plain_http_image()
    if literal is not None and not is_public(literal):
        raise errors.unfetchable_url("its host is not a public address")


class GuardedResolver(AbstractResolver):
    """Resolves names and refuses answers that point at private networks.

    The connection is made to the very addresses checked here, so a name cannot change its
    meaning between check and use.
    """

    def __init__(self) -> None:
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name; raises `OSError` when an address of it may not be fetched."""
        results = await self._system.resolve(host, port, family)
        for result in results:
            address = ipaddress.ip_address(result["host"].partition("%")[0])
            allowed = address.is_loopback if is_loopback_name(host) else is_public(address)
            if not allowed:
                raise OSError(f"{host} resolves to an address that is not public")
        return results

    async def close(self) -> None:
        """Release the system resolver."""
        await self._system.close()
