"""Links to our own pictures that nobody else can make: pure, no clock."""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

from prompt_queue.jobs.pictures import is_picture_name

_PAYLOAD = re.compile(r"(?P<expires_at>0|[1-9][0-9]{0,14}) (?P<name>\S+)")
_MAC_BYTES = 32
_LEAST_SECRET_BYTES = 16
_LONGEST_TOKEN = 256
_CONTEXT = b"prompt-queue picture link 1\n"


class LinkInvalid(Exception):
    """The token was not made with our secret, or was altered."""


@dataclass(frozen=True, slots=True)
class SignedLink:
    """A verified token: the picture's name and when the link closes, in Unix seconds."""

    name: str
    expires_at: int

    def expired(self, now: float) -> bool:
        """True from `expires_at` on; `now` is in Unix seconds."""
        return now >= self.expires_at


class LinkSigner:
    """Signs and verifies tokens with one secret of at least 16 bytes."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _LEAST_SECRET_BYTES:
            raise ValueError(f"the signing secret needs at least {_LEAST_SECRET_BYTES} bytes")
        self._secret = secret

    def sign(self, name: str, expires_at: int) -> str:
        """A token for `/files/{token}`. Raises ValueError for a name that storage never gives."""
        if not is_picture_name(name):
            raise ValueError("only names given by storage can be signed")
        payload = f"{expires_at} {name}".encode("ascii")
        if _PAYLOAD.fullmatch(payload.decode("ascii")) is None:
            raise ValueError("expires_at must be a Unix time in whole seconds")
        return encode_token(self._mac(payload) + payload)

    def verify(self, token: str) -> SignedLink:
        """What was signed. Raises LinkInvalid; the caller judges whether it has expired."""
        raw = decode_token(token)
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise LinkInvalid("This link was not made by this server, or it was altered.")
        match = _PAYLOAD.fullmatch(payload.decode("ascii", "replace"))
        if match is None or not is_picture_name(match["name"]):
            raise LinkInvalid("This link does not name a picture.")
        return SignedLink(match["name"], int(match["expires_at"]))

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._secret, _CONTEXT + payload, hashlib.sha256)


def encode_token(raw: bytes) -> str:
    """Bytes as letters that may stand in an address."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode_token(token: str) -> bytes:
    """The bytes again; each has one spelling only. Raises LinkInvalid."""
    broken = LinkInvalid("This link is incomplete.")
    if not token or len(token) > _LONGEST_TOKEN or not token.isascii():
        raise broken
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
    except binascii.Error:
        raise broken from None
    # One token, one spelling: the unused bits of the last character must be zero.
    if encode_token(raw) != token:
        raise broken
    return raw
