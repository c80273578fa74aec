"""Which addresses count as public."""

from ipaddress import ip_address

import pytest

from prompt_queue.guards.addresses import is_public, is_public_text

PRIVATE = """
0.0.0.0 10.1.2.3 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
172.31.255.255 192.0.0.9 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.1.1
192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1
255.255.255.255 168.63.129.16
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1
64:ff9b::a9fe:a9fe 64:ff9b:1:7f00:0:100:: 64:ff9b:1:808:8:800:a00:1 64:ff9b:1::a00:1 2002:7f00:1::
2002:a00:1:: 2001:0:7f00:1::f7f7:f7f7 2001:0:808:808::80ff:fffe 2001:db8::1 2001:2::1 2001:20::1
3fff::1 3ffe::1 5f00::1 100::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1
2620:4f:8000::1 4000::1 2606:4700::1111%eth0
"""

PUBLIC = """
1.1.1.1 8.8.8.8 93.184.216.34 172.15.0.1 172.32.0.1 192.0.1.1 198.17.0.1 198.20.0.1 223.255.255.254
2606:4700::1111 2a00:1450:4001:81b::200e 2001:4860:4860::8888 ::ffff:8.8.8.8 64:ff9b::808:808
64:ff9b:1:808:8:800:: 2620:4f:8001::1
"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_special_addresses_are_not_public(address: str) -> None:
    """An address that is reserved, or that carries a reserved one, is refused."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC.split())
def test_ordinary_addresses_are_public(address: str) -> None:
    """An ordinary address passes, also behind NAT64 and as an IPv4-mapped one."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "/tmp/socket"])
def test_text_that_is_no_address_is_not_public(text: str) -> None:
    """What the socket layer could not name is refused."""
    assert not is_public_text(text)
