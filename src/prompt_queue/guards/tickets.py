"""Tickets: the right to read one job for a few minutes, where no header can be sent. Pure."""

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from prompt_queue.guards.signing import LinkInvalid, decode_token, encode_token

MOST_SECONDS: Final = 300
_PREFIX: Final = "pqt_"
_MAC_BYTES: Final = 32
_PAYLOAD: Final = struct.Struct(">16s16sQ")
_CONTEXT: Final = b"prompt-queue job ticket 1\n"


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose job may be read, and until when, in Unix seconds."""

    job_id: UUID
    user_id: UUID
    expires_at: int


class TicketSigner:
    """Writes and reads tickets with one secret, kept apart from other uses of it by a context."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def write(self, ticket: Ticket) -> str:
        """The ticket as it stands in an address."""
        payload = _PAYLOAD.pack(ticket.job_id.bytes, ticket.user_id.bytes, ticket.expires_at)
        return _PREFIX + encode_token(self._mac(payload) + payload)

    def read(self, text: str, now: float) -> Ticket | None:
        """The ticket, None for one that we did not write or that is over; `now` in Unix seconds."""
        if not text.startswith(_PREFIX):
            return None
        try:
            raw = decode_token(text.removeprefix(_PREFIX))
        except LinkInvalid:
            return None
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if len(payload) != _PAYLOAD.size or not hmac.compare_digest(mac, self._mac(payload)):
            return None
        job, user, expires_at = _PAYLOAD.unpack(payload)
        if now >= expires_at:
            return None
        return Ticket(UUID(bytes=job), UUID(bytes=user), expires_at)

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._secret, _CONTEXT + payload, hashlib.sha256)
