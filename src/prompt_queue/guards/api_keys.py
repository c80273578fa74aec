"""API keys of servers: made of random, kept as a hash, found by the part in front. Pure."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

_KEY: Final = re.compile(r"pq_(?P<prefix>[0-9a-f]{12})_(?P<secret>[0-9a-f]{64})")
_NOBODYS: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`pq_<prefix>_<secret>`: 48 bits to find it by, and 256 that only its holder has."""

    prefix: str
    secret: str = field(repr=False)

    @classmethod
    def make(cls, prefix: str | None = None) -> "ApiKey":
        """A new one; with a prefix, a new secret for the key that has it."""
        return cls(prefix or secrets.token_hex(6), secrets.token_hex(32))

    @classmethod
    def read(cls, text: str) -> "ApiKey | None":
        """What is written there, None where it is no key of ours."""
        match = _KEY.fullmatch(text)
        return cls(match["prefix"], match["secret"]) if match else None

    @property
    def text(self) -> str:
        """As its holder sends it."""
        return f"pq_{self.prefix}_{self.secret}"

    @property
    def digest(self) -> bytes:
        """What is stored; 256 random bits need no slow hash."""
        return hashlib.sha256(self.secret.encode("ascii")).digest()

    def is_one_of(self, *digests: bytes | None) -> bool:
        """Whether one of the digests is its own, in the same time whichever and whether at all."""
        own = self.digest
        fits = [hmac.compare_digest(own, digest or _NOBODYS) for digest in digests]
        return any(fits)
