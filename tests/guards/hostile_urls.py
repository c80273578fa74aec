"""Addresses that try to get inside, made from the tricks that are known: deterministic."""

import random
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

INSIDE_V4 = (
    "127.0.0.1", "127.0.0.53", "127.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.254",
    "192.168.1.1", "169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "0.0.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "203.0.113.9",
)  # fmt: skip
INSIDE_V6 = (
    "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "100::1",
    "5f00::1", "2001::1", "3fff::1", "fec0::1",
)  # fmt: skip
NAMES = (
    "localhost", "a.localhost", "metadata.google.internal", "printer.local", "db", "router.lan",
    "kubernetes.default.svc.cluster.local", "nas.home.arpa", "host.docker.internal",
)  # fmt: skip
REBOUND = ("pictures.example.com", "a.b.c.rebind.example.net", "xn--bcher-kva.example")
_CONFUSED = ("{0}@{1}", "{0}:80@{1}", "{0}#@{1}", "{0}\\@{1}", "{1}\\.{0}", "{0}%00.{1}",
             "{0}%2f{1}", "{0};{1}", "{0},{1}", "{0}?@{1}", "{0}/@{1}", "{0}\t{1}",
             "{0}\r\nHost: {1}")  # fmt: skip
_PATHS = ("", "/", "/a.jpg", "/latest/meta-data/", "/?u=http://127.0.0.1/",
          "/..%2f..%2fetc/passwd",
          "//127.0.0.1/a.jpg", "/a.jpg#@127.0.0.1", "/\\127.0.0.1",
          "/%0d%0aHost:%20localhost")  # fmt: skip
_SCHEMES = ("http", "https", "HTTPS", "hTTp", "ftp", "gopher", "file", "data", "javascript", "ws",
            "https:", "//", "", " https", "https\n")  # fmt: skip
_WIDE = str.maketrans("0123456789.", "０１２３４５６７８９。")

OWN_CORPUS = (
    "https://127.0.0.1:{port}/a.jpg", "https://localhost:{port}/a.jpg", "https://[::1]:{port}/a",
    "https://127.0.0.1.nip.io@127.0.0.1:{port}/", "https://2130706433:{port}/", "https://0:{port}/",
    "https://0x7f.1:{port}/", "https://0177.0.0.1:{port}/", "https://127.1:{port}/",
    "https://127.0.1:{port}/", "https://[::ffff:127.0.0.1]:{port}/", "https://[::127.0.0.1]:{port}/",
    "https://[64:ff9b::7f00:1]:{port}/", "https://[2002:7f00:1::]:{port}/", "https://①②⑦.0.0.1/",
    "https://[fe80::1%25lo]:{port}/", "https://127.0.0.1.:{port}/", "https://localhost.:{port}/",
    "http://127.0.0.1:{port}/a.jpg", "https:127.0.0.1:{port}", "https:/127.0.0.1:{port}/",
    "///127.0.0.1:{port}/", "https://user:pass@127.0.0.1:{port}/", "https://127.0.0.1:{port}#@a.com",
    "https://example.com:80@127.0.0.1:{port}/", "https://example.com\\@127.0.0.1:{port}/",
    "https://LOCALHOST:{port}/", "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/", "https://127.0.0.1:0{port}/",
    "https://127.000.000.001:{port}/", "https://[0:0:0:0:0:ffff:7f00:0001]:{port}/",
    "https://[::1].example.com:{port}/", "https://example.com:{port}:80/", "file:///etc/passwd",
    "https://pictures.example.com:{port}/", "https://127.0.0.1%2f@example.com:{port}/",
)  # fmt: skip


def hostile_urls(count: int, port: int, seed: int = 5) -> Iterator[str]:
    """`count` addresses; `port` is one where a canary listens."""
    dice = random.Random(seed)
    for number in range(count):
        host = _host(dice, number)
        where = dice.choice(("", f":{port}", ":443", ":8443", f":0{port}", ":", ":99999", ":80"))
        # Most go by the right scheme, or every test would end at the first character.
        scheme = "https" if dice.random() < 0.8 else dice.choice(_SCHEMES)
        yield f"{scheme}://{host}{where}{dice.choice(_PATHS)}"


def _host(dice: random.Random, number: int) -> str:
    kind = dice.randrange(8)
    inside = dice.choice(INSIDE_V4)
    if kind < 3:
        return _spelled_v4(dice, IPv4Address(inside))
    if kind < 5:
        return f"[{_spelled_v6(dice, inside)}]"
    if kind == 5:
        return dice.choice(_CONFUSED).format(dice.choice(REBOUND), inside)
    if kind == 6:
        name = dice.choice(NAMES)
        return dice.choice((name, name.upper(), f"{name}.", name.replace("o", "ⓞ")))
    return f"n{number}.{dice.choice(REBOUND)}"


def _spelled_v4(dice: random.Random, address: IPv4Address) -> str:
    number = int(address)
    parts = str(address).split(".")
    first, rest = number >> 24, number & 0xFFFFFF
    return dice.choice(
        (
            str(address), str(number), hex(number), f"0{number:o}", f"{first}.{rest}",
            f"{first}.{parts[1]}.{number & 0xFFFF}", ".".join(f"{int(part):03o}" for part in parts),
            ".".join(hex(int(part)) for part in parts), f"{address}.", f"0{address}",
            str(address).translate(_WIDE), str(number + 2**32), f"{address}%00",
            f"%31{str(address)[1:]}",
            f"{address}.nip.io.", ".".join(f"0x{int(part):x}" for part in parts[:1]) + f".{rest}",
        )
    )  # fmt: skip


def _spelled_v6(dice: random.Random, inside: str) -> str:
    number = int(IPv4Address(inside))
    plain = dice.choice(INSIDE_V6)
    return dice.choice(
        (
            plain, IPv6Address(plain).exploded, f"{plain}%25lo", f"{plain}%lo", f"::ffff:{inside}",
            f"::{inside}", f"::ffff:0:{inside}", f"64:ff9b::{inside}",
            str(IPv6Address((0x2002 << 112) | (number << 80))),
            f"64:ff9b:1::{inside}", f"::ffff:{number >> 16:x}:{number & 0xFFFF:x}",
            str(IPv6Address((0x20010000 << 96) | (number << 64) | (~number & 0xFFFFFFFF))),
            f"{inside}", "::1]:80@[::1", plain.upper(),
        )
    )  # fmt: skip
