"""The guard of addresses, against other readers of addresses."""

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from prompt_queue.guards.addresses import is_public, is_public_text
from prompt_queue.guards.urls import (
    PictureUrl,
    UrlRefused,
    parse_picture_url,
    parse_webhook_url,
    read_url,
)
from tests.fuzz.profile import hard, seen
from tests.guards.hostile_urls import INSIDE_V4, INSIDE_V6, NAMES, REBOUND

TRUSTED = frozenset({"127.0.0.1:9000", "[::1]:9000", "localhost:9000"})
GAPS = "\t\r\n\0 \\/@#?%:;.[]\u3002\uff0e\u00ad\u2028\ufeff"


def _odd(address: IPv4Address) -> st.SearchStrategy[str]:
    """Spellings that some program takes for the address."""
    a, b, c, d = address.packed
    whole = int(address)
    return st.sampled_from([
        str(address), str(whole), hex(whole), f"0{oct(whole)[2:]}", f"{a}.{whole & 0xFFFFFF}",
        f"{a}.{b}.{(c << 8) + d}", f"{hex(a)}.{b}.{c}.{d}", f"0{oct(a)[2:]}.{b}.{c}.{d}",
        f"{a:03}.{b:03}.{c:03}.{d:03}", f"{address}.", f"[::ffff:{address}]", f"[::{address}]",
        f"[64:ff9b::{address}]", f"[2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1]", f"{address}.nip.io",
        f"[::ffff:0:{address}]", f"[{IPv6Address((0x20010000 << 96) + (~whole & 0xFFFFFFFF))}]",
    ])  # fmt: skip


_v4 = st.one_of(st.sampled_from(INSIDE_V4).map(IPv4Address), st.ip_addresses(v=4))
_v6 = st.one_of(st.sampled_from(INSIDE_V6).map(IPv6Address), st.ip_addresses(v=6))
_label = st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True)
_hosts = st.one_of(
    _v4.flatmap(_odd),
    _v6.map(lambda one: f"[{one}]"),
    _v6.map(lambda one: f"[{one.exploded}]"),
    st.sampled_from([*NAMES, *REBOUND, "images.example.com", "IMAGES.EXAMPLE.COM", ""]),
    st.lists(_label, min_size=1, max_size=4).map(".".join),
    st.text(max_size=12),
)
_plain_hosts = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map("[{}]".format),
    st.from_regex(r"[a-z]{1,5}\.[a-z0-9]{1,5}(\.[a-z]{2,4})?", fullmatch=True),
)
_plain_ports = st.sampled_from(["", "", ":443", ":8443"])
_plain_paths = st.from_regex(r"(/[a-z0-9._~/-]{0,9}(\?[a-z=&]{1,9})?)?", fullmatch=True)
_ports = st.integers(-1, 70000).map(":{}".format) | st.sampled_from([":", ":0443", ":443 "])
_paths = st.one_of(
    st.sampled_from(
        ["", "/", "/a.jpg", "/?u=http://127.0.0.1/", "//127.0.0.1/", "/..%2f", "/%", "?"]
    ),
    st.text(max_size=20).map("/{}".format),
    st.from_regex(r"/[!-~]{0,20}", fullmatch=True),
)


@st.composite
def addresses(draw: st.DrawFn) -> str:
    """Mostly like an address; each part may be the hostile one."""

    def mostly(plain: st.SearchStrategy[str], odd: st.SearchStrategy[str]) -> str:
        return draw(odd if draw(st.sampled_from([False] * 3 + [True])) else plain)

    schemes = st.sampled_from(["HTTPS://", "http://", "https:", "//", "ftp://", "https:///", ""])
    users = st.sampled_from(["a@", "a:b@", "images.example.com@", "\\@", "@"])
    parts = [
        mostly(st.just("https://"), schemes), mostly(st.just(""), users),
        mostly(_plain_hosts, _hosts), mostly(_plain_ports, _ports), mostly(_plain_paths, _paths),
    ]  # fmt: skip
    text = "".join(parts)
    if draw(st.sampled_from([False] * 5 + [True])):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(GAPS)) + text[at:]
    return text


def _carried(address: IPv6Address) -> list[IPv4Address]:
    """What `ipaddress` finds inside, and the rest of the wrappers by their own bits."""
    inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    for network in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96"):
        if address in ipaddress.IPv6Network(network):
            inside.append(low)
    if address in ipaddress.IPv6Network("64:ff9b:1::/48"):
        inside.append(IPv4Address(address.packed[6:8] + address.packed[9:11]))
    return [one for one in inside if one is not None]


def _is_outside(address: IPv4Address | IPv6Address) -> bool:
    """By the tables of the standard library."""
    if isinstance(address, IPv6Address):
        carried = _carried(address)
        if carried:
            return all(map(_is_outside, carried))
    return address.is_global and not address.is_multicast and not address.is_reserved


def _bare(host: str | None) -> str:
    return (host or "").strip("[]").lower()


def _same_host(one: str | None, other: str | None) -> bool:
    try:
        return ip_address(_bare(one)) == ip_address(_bare(other))
    except ValueError:
        return _bare(one) == _bare(other)


def _check_reading(url: PictureUrl, text: str) -> None:
    """Two other programs read the same in what was given, and in what is passed on."""
    assert url.text.isascii()
    assert url.text.isprintable()
    assert " " not in url.text
    for spelled in (text, url.text):
        split, other = urlsplit(spelled), URL(spelled, encoded=True)
        assert _same_host(split.hostname, url.host)
        # As it goes out: `host` shows what is behind xn--.
        assert _same_host(other.raw_host, url.host)
        assert (split.port or {"https": 443, "http": 80}[url.scheme]) == url.port == other.port
        assert split.username is split.password is None
        assert split.fragment == ""


def _check_outside(host: str) -> None:
    try:
        numbers = socket.inet_aton(host)
    except (OSError, ValueError):
        pass
    else:
        # What the C library takes for an address is spelled as four numbers, or refused.
        assert host == str(IPv4Address(numbers))
        assert _is_outside(IPv4Address(numbers))
        return
    if host.startswith("["):
        assert _is_outside(IPv6Address(_bare(host)))
        return
    assert "." in host
    assert not host.endswith((".local", ".localhost", ".internal", ".lan", ".home.arpa"))


@hard
@given(st.one_of(addresses(), addresses(), addresses(), st.text(max_size=60)))
def test_what_is_accepted_leads_outside_and_is_read_alike_by_all(text: str) -> None:
    """Any text is refused with UrlRefused, or is https to a public name on a usual port."""
    for parse in (parse_picture_url, parse_webhook_url):
        try:
            url = parse(text)
        except UrlRefused:
            seen("address refused")
            continue
        seen("address accepted")
        assert url.scheme == "https"
        assert url.port in {80, 443, 8080, 8443}
        assert not url.trusted
        _check_reading(url, text)
        _check_outside(url.host)
        assert parse(url.text) == url


@hard
@given(st.one_of(
    addresses(),
    st.tuples(st.sampled_from(["http://", "https://"]), st.sampled_from(["127.0.0.1", "[::1]",
              "[0:0::1]", "localhost", "LOCALHOST", "127.1", "localhost."]),
              _ports | st.just(":9000"), _paths).map("".join),
))  # fmt: skip
def test_only_what_is_listed_is_trusted(text: str) -> None:
    """A trusted address is one of the list by host and port; its reading is no other program's."""
    try:
        url = parse_picture_url(text, trusted=TRUSTED)
    except UrlRefused:
        seen("trusted address refused")
        return
    if url.trusted:
        seen("trusted address accepted")
        assert url.authority in TRUSTED
        _check_reading(url, text)
    else:
        _check_outside(url.host)


@hard
@given(st.one_of(addresses(), addresses(), addresses(), st.text(max_size=60)))
def test_a_reading_is_the_last_one(text: str) -> None:
    """Reading the canonical spelling gives it again."""
    try:
        url = read_url(text)
    except UrlRefused:
        return
    assert read_url(url.text) == url
    _check_reading(url, text)


@hard
@given(st.one_of(_v4, _v6))
def test_an_address_is_public_only_where_the_standard_library_agrees(
    address: IPv4Address | IPv6Address,
) -> None:
    """Our tables are the stricter ones, wrapped or not."""
    seen("public address" if is_public(address) else "private address")
    if is_public(address):
        assert _is_outside(address)


@hard
@given(_v4)
def test_a_wrapper_makes_no_private_address_public(address: IPv4Address) -> None:
    """IPv4 in six kinds of IPv6 is as public as it is itself."""
    low = int(address)
    bases = (0, 0xFFFF << 32, 0xFFFF << 48, 0x64FF9B << 96)
    wrapped = [IPv6Address(base + low) for base in bases]
    wrapped.append(IPv6Address((0x2002 << 112) + (low << 80) + 1))
    wrapped.append(IPv6Address((0x20010000 << 96) + (0x08080808 << 64) + (~low & 0xFFFFFFFF)))
    for one in wrapped:
        assert is_public(one) <= is_public(address)
        assert is_public(one) <= _is_outside(address)


@hard
@given(st.text(max_size=50))
def test_text_that_is_no_address_is_not_public(text: str) -> None:
    """Whatever a resolver says."""
    try:
        ip_address(text)
    except ValueError:
        assert not is_public_text(text)
