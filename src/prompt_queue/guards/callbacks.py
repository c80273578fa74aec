"""Webhooks of the picture provider: our name for a submit, and its signature. Pure."""

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

CALLBACK_PATH = "/api/webhooks/wavespeed/"
MOST_AGE_SECONDS = 300.0
"""How old a signature may be, in seconds, by WaveSpeed's page on verifying webhooks."""

_CONTEXT = b"prompt-queue picture callback 1\n"
_MAC_BYTES = 16
_VERSION = "v3,"


class CallbackSigner:
    """Makes and reads the last part of callback addresses: a submit, and proof that we named it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def token(self, call_id: UUID) -> str:
        """The token of a submit."""
        raw = call_id.bytes + self._mac(call_id)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def read(self, token: str) -> UUID | None:
        """The submit, or None for a token that we did not make."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        if len(raw) != 16 + _MAC_BYTES:
            return None
        call_id = UUID(bytes=raw[:16])
        # One submit, one spelling: base64 has more than one for the same bytes.
        expected = self.token(call_id).encode()
        return call_id if hmac.compare_digest(token.encode(), expected) else None

    def _mac(self, call_id: UUID) -> bytes:
        digest = hmac.digest(self._secret, _CONTEXT + call_id.bytes, hashlib.sha256)
        return digest[:_MAC_BYTES]


def signature_of(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    """`webhook-signature` as WaveSpeed makes it: HMAC-SHA256 over id, time and the raw body.

    The key is the secret without `whsec_`, as plain text (https://wavespeed.ai/docs, "Verifying
    webhooks").
    """
    key = secret.removeprefix("whsec_").encode()
    message = f"{webhook_id}.{timestamp}.".encode() + body
    return _VERSION + hmac.new(key, message, hashlib.sha256).hexdigest()


def is_signed(
    secret: str, webhook_id: str, timestamp: str, body: bytes, *, signature: str, now: float
) -> bool:
    """Whether the provider signed it, within the last five minutes; `now` is in Unix seconds."""
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    if abs(now - int(timestamp)) > MOST_AGE_SECONDS:
        return False
    expected = signature_of(secret, webhook_id, timestamp, body)
    return hmac.compare_digest(expected.encode(), signature.strip().encode())
