"""ONE call to a receiver: one POST through the guard, no redirect followed, a small answer read."""

import asyncio
import io
import time
from collections.abc import Collection, Mapping
from dataclasses import replace

import aiohttp
from yarl import URL

from prompt_queue.delivery.payload import SECRET_PREFIX
from prompt_queue.failpoints import reached, under_way
from prompt_queue.guards.egress import AddressRefused, GuardedSession, OriginRefused
from prompt_queue.guards.urls import UrlRefused, parse_webhook_url
from prompt_queue.jobs.redaction import redact, without
from prompt_queue.jobs.webhooks import Reply
from prompt_queue.tracing import traceparent
from prompt_queue.tracing.calls import STATUS, http_call, server_of

MOST_ANSWER_BYTES = 512
_READ_BEHIND = 256
"""Bytes read beyond: a secret that begins before the limit is known by its whole length."""

ANSWER_SECONDS = 2.0
"""How long the body of an answer is read, in seconds; its status alone decides."""


class WebhookSender:
    """Sends to addresses that users give; each passes the guard again when it is called."""

    def __init__(self, session: GuardedSession, seconds: float) -> None:
        """`seconds` is the time limit of one call."""
        self._session = session
        self._seconds = seconds

    async def send(
        self, url: str, headers: Mapping[str, str], body: bytes, secrets: Collection[str] = ()
    ) -> Reply:
        """What came of it, with none of these secrets; raises nothing but cancellation.

        A traced one tells its receiver.
        """
        with http_call("POST", None, server_of(url)) as span:
            here = traceparent()
            traced = headers if here is None else {**headers, "traceparent": here}
            reply = _cleaned(await self._send(url, traced, body), secrets)
            span.note({STATUS: reply.status})
            if reply.error is not None:
                span.fail(str(reply.status or "no_answer"))
            return reply

    async def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                return await under_way("webhook.sent", self._post(url, headers, body, began))
        except TimeoutError:
            error = f"It did not answer within {self._seconds:g} seconds."
        except (UrlRefused, OriginRefused):
            error = "Its address is not allowed."
        except (aiohttp.ClientError, OSError) as failure:
            error = _sentence(failure)
        return Reply(milliseconds=_since(began), error=error)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes, began: float) -> Reply:
        parsed = parse_webhook_url(url, trusted=self._session.trusted_hosts)
        async with self._session.for_url(parsed).post(
            URL(parsed.text, encoded=True),
            data=io.BytesIO(body),
            headers=headers,
            allow_redirects=False,
        ) as response:
            reached("webhook.answered")
            taken = _since(began)
            answer = await _beginning(response)
            return Reply(
                milliseconds=taken,
                status=response.status,
                answer=answer,
                error=_judged(response.status),
                retry_after=_seconds(response.headers.get("Retry-After")),
            )


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """The first bytes of the body, as they are, and some behind them."""
    most = MOST_ANSWER_BYTES + _READ_BEHIND
    received = bytearray()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            async for chunk in response.content.iter_chunked(most):
                received += chunk
                if len(received) >= most:
                    # What may follow is not read, so the connection cannot be used again.
                    response.close()
                    break
    except (TimeoutError, aiohttp.ClientError, OSError):
        response.close()
    return bytes(received[:most]).decode("utf-8", "replace").replace("\x00", "")


def _cleaned(reply: Reply, secrets: Collection[str]) -> Reply:
    """Its answer short, without these secrets and what looks like one."""
    # A receiver may well write its secret without the beginning that all of them have.
    bare = [secret.removeprefix(SECRET_PREFIX) for secret in secrets]
    shown = redact(without(reply.answer or "", [*secrets, *bare]), MOST_ANSWER_BYTES).strip()
    return replace(reply, answer=shown or None)


def _judged(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"It answered {status}; redirects are not followed, give the final address."
    return f"It answered {status}."


def _sentence(failure: Exception) -> str:
    cause = failure.os_error if isinstance(failure, aiohttp.ClientConnectorError) else failure
    if isinstance(cause, AddressRefused):
        return "Its name leads to an address that is not on the public internet; nothing was sent."
    if isinstance(failure, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)):
        return "Its certificate cannot be trusted."
    if isinstance(failure, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return "It could not be reached."
    return "The connection broke before it answered."


def _seconds(header: str | None) -> float | None:
    text = (header or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
