"""Which IP addresses belong to the public internet: our own tables, strict on purpose.

`ipaddress.is_global` is not used: depending on the Python version it calls loopback inside an IPv6
wrapper, multicast and several reserved ranges global.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT, and Alibaba's metadata service
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform service
        "169.254.0.0/16",  # link-local, and most clouds' metadata service
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, and Oracle's metadata service
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # automatic multicast tunnelling
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: ORCHID, benchmarking and others
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # the former 6bone
        "3fff::/20",  # documentation
    )
)

_LOW_32_BITS = 0xFFFF_FFFF
_IPV4_AT_THE_END = tuple(
    IPv6Network(network)
    for network in (
        "::/96",  # IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
    )
)
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """True when an ordinary server on the public internet may have this address.

    An IPv6 address that carries IPv4 addresses is as public as every one of those.
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    if address.scope_id is not None:
        return False
    carried = _carried_ipv4(address)
    if carried is not None:
        return bool(carried) and all(is_public(inner) for inner in carried)
    return address in _GLOBAL_UNICAST_V6 and not any(address in net for net in _SPECIAL_V6)


def is_public_text(address: str) -> bool:
    """`is_public` for the text in a socket address; text that is no address is not public."""
    try:
        return is_public(ip_address(address))
    except ValueError:
        return False


def _carried_ipv4(address: IPv6Address) -> tuple[IPv4Address, ...] | None:
    """The IPv4 addresses inside; None for a plain IPv6 address, empty for a malformed carrier."""
    bits = int(address)
    if any(address in network for network in _IPV4_AT_THE_END):
        return (IPv4Address(bits & _LOW_32_BITS),)
    if address in _SIX_TO_FOUR:
        return (IPv4Address(bits >> 80 & _LOW_32_BITS),)
    if address in _TEREDO:
        server = IPv4Address(bits >> 64 & _LOW_32_BITS)
        return (server, IPv4Address(~bits & _LOW_32_BITS))
    if address in _LOCAL_NAT64:
        return _rfc6052_slash_48(address.packed)
    return None


def _rfc6052_slash_48(packed: bytes) -> tuple[IPv4Address, ...]:
    """RFC 6052, section 2.2: a zero octet splits the IPv4 address, and zeros follow it."""
    if packed[8] or any(packed[11:]):
        return ()
    return (IPv4Address(packed[6:8] + packed[9:11]),)
