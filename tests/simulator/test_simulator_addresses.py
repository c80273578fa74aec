"""Which image addresses the stand-in fetches."""

import socket

import pytest
from aiohttp.abc import ResolveResult

from prompt_queue.simulator import errors
from prompt_queue.simulator.addresses import GuardedResolver, check_image_url
from prompt_queue.simulator.auth import may_administer


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "https://93.184.215.14/a.png",
        "http://127.0.0.1:8080/a.png",
        "http://localhost/a.png",
        "http://[::1]:1/a.png",
    ],
)
def test_https_and_loopback_are_fetched(url: str) -> None:
    """Public https addresses and plain http to this machine pass."""
    check_image_url(url)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://example.com/a.png", "plain http"),
        ("http://10.0.0.1/a.png", "plain http"),
        ("https://10.0.0.1/a.png", "not a public address"),
        ("https://169.254.169.254/latest", "not a public address"),
        ("https://[::ffff:192.168.0.1]/a", "not a public address"),
        ("https://[64:ff9b::a00:1]/a", "not a public address"),
        ("https://[fe80::1]/a", "not a public address"),
        ("https://0.0.0.0/a", "not a public address"),
        ("http://2130706433/a", "cannot be parsed"),
        ("https://10.1/a", "cannot be parsed"),
        ("https://127.0.0.1./a", "cannot be parsed"),
        ("https://host:99999/a", "cannot be parsed"),
        ("ftp://example.com/a.png", "expected https"),
        ("cat.png", "expected https"),
        ("https:///cat.png", "names no host"),
    ],
)
def test_other_addresses_are_refused(url: str, text: str) -> None:
    """Plain http, private networks, and spellings that only resolvers understand are refused."""
    with pytest.raises(errors.ApiError, match=text) as refused:
        check_image_url(url)
    assert refused.value.status == 400


class _FakeDns:
    def __init__(self, address: str) -> None:
        self.address = address

    async def resolve(self, host: str, port: int, family: int) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=self.address, port=port, family=family, proto=0, flags=0
            )
        ]


@pytest.mark.parametrize(
    ("host", "address", "passes"),
    [
        ("example.com", "93.184.215.14", True),
        ("example.com", "127.0.0.1", False),
        ("example.com", "10.0.0.1", False),
        ("localhost", "127.0.0.1", True),
        ("localhost", "10.0.0.1", False),
    ],
)
async def test_names_must_lead_where_they_say(host: str, address: str, passes: bool) -> None:
    """A public name that leads into a private network is refused at the moment of connecting."""
    resolver = GuardedResolver()
    resolver._system = _FakeDns(address)  # type: ignore[assignment]
    if passes:
        assert (await resolver.resolve(host, 443, socket.AF_INET))[0]["host"] == address
    else:
        with pytest.raises(OSError, match="not public"):
            await resolver.resolve(host, 443, socket.AF_INET)


@pytest.mark.parametrize(
    ("remote", "host", "origin", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1:80", None, True),
        ("::1", "[::1]:80", None, True),
        ("127.0.0.1", "localhost", None, True),
        ("192.168.1.9", "127.0.0.1", None, False),
        ("127.0.0.1", "rebound.example", None, False),
        ("127.0.0.1", "127.0.0.1:80", "https://page.example", False),
        (None, "127.0.0.1", None, False),
    ],
)
def test_only_programs_on_this_machine_administer(
    remote: str | None, host: str, origin: str | None, allowed: bool
) -> None:
    """Other machines, web pages and rebound names stay out of the admin routes."""
    assert may_administer(remote, host, origin) is allowed
