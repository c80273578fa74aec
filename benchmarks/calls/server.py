"""A server of Grok's shape that holds every answer for a while, over TLS, in processes of its own.

It takes little of the machine, so that the client is what is measured.
"""

import asyncio
import json
import ssl
import sys

ANSWER = {
    "id": "x", "object": "chat.completion", "created": 1, "model": "grok-4.7",
    "choices": [
        {"index": 0, "finish_reason": "stop",
         "message": {"role": "assistant", "content": "Paint the wall behind the person teal. " * 12,
                     "refusal": None}}
    ],
    "usage": {"prompt_tokens": 900, "completion_tokens": 90, "total_tokens": 990,
              "prompt_tokens_details": {"text_tokens": 300, "image_tokens": 600,
                                        "cached_tokens": 0},
              "completion_tokens_details": {"reasoning_tokens": 0}},
    "padding": "x" * 2000,
}  # fmt: skip
_BODY = json.dumps(ANSWER).encode()
_REPLY = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
    + str(len(_BODY)).encode()
    + b"\r\n\r\n"
    + _BODY
)


class Holding(asyncio.Protocol):
    """Answers one request after another on its connection."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if blank and self._is_whole(head.lower(), body):
            self._received = b""
            asyncio.get_running_loop().call_later(self._seconds, self._answer)

    @staticmethod
    def _is_whole(head: bytes, body: bytes) -> bool:
        if b"transfer-encoding: chunked" in head:
            return body.endswith(b"0\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n")
             if line.startswith(b"content-length:")), 0,
        )  # fmt: skip
        return len(body) >= length

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_REPLY)  # type: ignore[attr-defined]


async def serve(certificate: str, key: str, seconds: float) -> None:
    """Print the port, then serve until the process is ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.get_running_loop().create_server(
        lambda: Holding(seconds), "127.0.0.1", 0, ssl=context, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], float(sys.argv[3])))
