"""What the address of a picture may look like: parsed once, strictly, refused rather than repaired.

Parsers disagree about odd spellings, and every disagreement is a way in. So only spellings that all
of them read alike pass, and whoever gets the address next is given `PictureUrl.text`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from prompt_queue.guards.addresses import is_public

LONGEST_URL = 2048
"""Characters that the address of a picture may have."""

_DEFAULT_PORTS = {"https": 443, "http": 80}
_USUAL_PORTS = frozenset({80, 443, 8080, 8443})
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".localdomain", ".home.arpa", ".lan")

_PRINTABLE = re.compile(r"[!-~]+")
_SCHEME = re.compile(r"(?P<scheme>https?)://(?P<rest>.*)", re.IGNORECASE)
_AUTHORITY = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})"
_PATH_AND_QUERY = re.compile(rf"(?P<path>/{_CHARACTER}*)(?:\?(?:{_CHARACTER}|\?)*)?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LOOKS_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_CANONICAL_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")


class UrlRefused(ValueError):
    """The address of a picture cannot be used; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class PictureUrl:
    """The one reading of an address. `text` is its canonical spelling, IPv6 hosts have brackets."""

    scheme: str
    host: str
    port: int
    path: str
    text: str
    trusted: bool = False

    @property
    def authority(self) -> str:
        """`host:port`, the port always written."""
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """`scheme://host:port`, the port always written."""
        return f"{self.scheme}://{self.authority}"


def trusted_authorities(entries: Iterable[str]) -> frozenset[str]:
    """`host:port` entries in the spelling in which they are compared.

    Raises UrlRefused for an entry that is not a host and a port.
    """
    return frozenset(_trusted_authority(entry) for entry in entries)


def parse_picture_url(text: str, *, trusted: frozenset[str] = frozenset()) -> PictureUrl:
    """An address that pictures may be fetched from. Raises UrlRefused.

    `trusted` is a set of `host:port` (see `trusted_authorities`) that may be private, use any port
    and plain http. Names are not looked up: that they lead to the public internet is checked where
    the connection is made.
    """
    return _allowed(
        text,
        trusted,
        "The address leads to a private network; upload the picture, or publish it under a public "
        "https address.",
    )


def parse_webhook_url(text: str, *, trusted: frozenset[str] = frozenset()) -> PictureUrl:
    """An address that results may be sent to, by the rules for pictures. Raises UrlRefused."""
    return _allowed(
        text,
        trusted,
        "The address leads to a private network; give a public https address, or ask the operator "
        "to list it in TRUSTED_WEBHOOK_HOSTS.",
    )


def _allowed(text: str, trusted: frozenset[str], private: str) -> PictureUrl:
    url = read_url(text)
    if url.authority in trusted:
        return PictureUrl(url.scheme, url.host, url.port, url.path, url.text, trusted=True)
    if _is_private(url.host):
        raise UrlRefused(private)
    if url.scheme != "https":
        raise UrlRefused("The address must start with https://.")
    if url.port not in _USUAL_PORTS:
        raise UrlRefused(f"Port {url.port} is not allowed; use the usual port 443.")
    return url


def read_url(text: str) -> PictureUrl:
    """The one reading of an http or https address, whatever it leads to. Raises UrlRefused."""
    if not text:
        raise UrlRefused("The address is empty.")
    if len(text) > LONGEST_URL:
        raise UrlRefused(f"The address is longer than {LONGEST_URL} characters.")
    if not _PRINTABLE.fullmatch(text):
        raise UrlRefused(
            "The address contains a space or a character outside plain ASCII; percent-encode it."
        )
    match = _SCHEME.fullmatch(text)
    if match is None:
        raise UrlRefused("The address must be a full URL that starts with https://.")
    scheme = match["scheme"].lower()
    authority, tail = _split_authority(match["rest"])
    host, port = _read_authority(authority, scheme)
    found = _PATH_AND_QUERY.fullmatch(tail)
    if found is None:
        raise UrlRefused(
            "The address contains a character that must be percent-encoded, or a part after #; "
            "remove it."
        )
    shown_port = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    return PictureUrl(scheme, host, port, found["path"], f"{scheme}://{host}{shown_port}{tail}")


def _split_authority(rest: str) -> tuple[str, str]:
    """The part before the path, and path and query with at least a slash."""
    end = re.search(r"[/?#\\]", rest)
    if end is None:
        return rest, "/"
    authority, tail = rest[: end.start()], rest[end.start() :]
    return authority, f"/{tail}" if tail.startswith("?") else tail


def _read_authority(authority: str, scheme: str) -> tuple[str, int]:
    if "@" in authority:
        raise UrlRefused("The address must not contain a user name or password.")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise UrlRefused("The address does not name a server in the usual way.")
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if port > 65535:
        raise UrlRefused("The port in the address is larger than 65535.")
    return _canonical_host(match["host"].lower()), port


def _canonical_host(host: str) -> str:
    if host.startswith("["):
        try:
            return f"[{IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            raise UrlRefused("The address contains a malformed IPv6 address.") from None
    if _LOOKS_NUMERIC.fullmatch(host):
        if not _CANONICAL_IPV4.fullmatch(host):
            raise UrlRefused(
                "The address contains an unusual spelling of an IP address; write it as four "
                "decimal numbers."
            )
        return host
    if not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise UrlRefused("The server name in the address is malformed.")
    return host


def _is_private(host: str) -> bool:
    if host.startswith("["):
        return not is_public(IPv6Address(host[1:-1]))
    if _CANONICAL_IPV4.fullmatch(host):
        return not is_public(IPv4Address(host))
    return "." not in host or host.endswith(_PRIVATE_SUFFIXES)


def _trusted_authority(entry: str) -> str:
    host, _, port = entry.strip().rpartition(":")
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    if not host or not port:
        raise UrlRefused(f"{entry!r} is not host:port, for example 127.0.0.1:9000.")
    return read_url(f"http://{bracketed}:{port}/").authority
