"""PostgreSQL's protocol 3 as far as a proxy needs it: whole messages, and who executes what."""

import struct
from dataclasses import dataclass

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
PROTOCOL_3 = 3 << 16


@dataclass(frozen=True, slots=True)
class Message:
    """One message; the kind is empty for those that have none."""

    kind: bytes
    body: bytes
    raw: bytes

    @property
    def code(self) -> int:
        """The number that a message without a kind begins with."""
        return int(struct.unpack_from("!i", self.body)[0])


class Frames:
    """Makes whole messages of one direction's bytes."""

    def __init__(self, *, typed: bool) -> None:
        self.typed = typed
        self.single_bytes = 0
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take more bytes in."""
        self._buffer += data

    def next(self) -> Message | None:
        """The next message, or None until there are more bytes."""
        if self.single_bytes and self._buffer:
            self.single_bytes -= 1
            return self._take(0, 1)
        head = 1 if self.typed else 0
        if len(self._buffer) < head + 4:
            return None
        size = head + struct.unpack_from("!i", self._buffer, head)[0]
        return self._take(head, size) if len(self._buffer) >= size else None

    def rest(self) -> bytes:
        """All bytes that are left, for when they mean nothing any more."""
        return self._take(0, len(self._buffer)).raw

    def _take(self, head: int, size: int) -> Message:
        raw = bytes(self._buffer[:size])
        del self._buffer[:size]
        return Message(raw[:head], raw[head + 4 :], raw)


class Statements:
    """Remembers what was parsed and bound, to tell the text that is executed."""

    def __init__(self) -> None:
        self._texts: dict[bytes, str] = {}
        self._portals: dict[bytes, str] = {}

    def executed_by(self, message: Message) -> str | None:
        """The statement that this client message executes, if it executes one."""
        match message.kind:
            case b"Q":
                return _strings(message.body, 1)[0].decode()
            case b"P":
                name, text = _strings(message.body, 2)
                self._texts[name] = text.decode()
            case b"B":
                portal, name = _strings(message.body, 2)
                self._portals[portal] = self._texts.get(name, "")
            case b"E":
                return self._portals.get(_strings(message.body, 1)[0], "")
            case b"C":
                known = self._texts if message.body[:1] == b"S" else self._portals
                known.pop(_strings(message.body[1:], 1)[0], None)
        return None


def _strings(body: bytes, count: int) -> list[bytes]:
    return body.split(b"\0", count)[:count]
