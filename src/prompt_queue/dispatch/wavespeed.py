"""ONE call to WaveSpeed: nothing is repeated here, least of all a submit, which costs money."""

import asyncio
import io
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

import aiohttp

from prompt_queue.dispatch.replies import (
    AWAY,
    NO_ANSWER,
    WRONG_KEY,
    CallRefused,
    Prediction,
    read_data,
    read_prediction,
)
from prompt_queue.failpoints import reached, under_way
from prompt_queue.guards.egress import GuardedSession, OriginRefused
from prompt_queue.guards.urls import UrlRefused, parse_picture_url
from prompt_queue.jobs.errors import Misconfigured, Transient, Unanswered
from prompt_queue.tracing.calls import STATUS, http_call, model_call, server_of

SUBMIT_SECONDS = 60.0
READ_SECONDS = 30.0
UPLOAD_SECONDS = 120.0
"""Time limits of the vendor's own clients, in seconds."""

MOST_REPLY_BYTES = 4 * 1024 * 1024
_MOST_USD = 1_000_000
_CONNECT_SECONDS = 5.0
_CHUNK = 64 * 1024
_PAGE = 100

logger = logging.getLogger(__name__)


class WaveSpeedClient:
    """Talks to one server at `base`, for example https://api.wavespeed.ai.

    `session` is a provider session for that origin; `outside` carries uploads to the other hosts
    that the provider names, through the guard. Every method raises CallRefused and nothing else
    but cancellation.
    """

    def __init__(
        self, session: aiohttp.ClientSession, outside: GuardedSession, base: str, api_key: str
    ) -> None:
        if not api_key.isascii() or not api_key.isprintable() or not api_key.strip():
            raise ValueError("WAVESPEED_API_KEY is empty or holds characters that no key has")
        self._session = session
        self._outside = outside
        self._base = f"{base.rstrip('/')}/api/v3"
        self._server = server_of(base)
        self._headers = {"Authorization": f"Bearer {api_key.strip()}"}
        self._secrets = (api_key.strip(),)

    async def submit(
        self, model: str, body: Mapping[str, Any], webhook: str | None = None
    ) -> Prediction:
        """Buys one picture; `webhook` is called when it is made."""
        path = f"/{quote(model)}" + (f"?webhook={quote(webhook, safe='')}" if webhook else "")
        with model_call("generate_content", "wavespeed", model, self._server) as span:
            try:
                data = await self._exchange("POST", path, body, SUBMIT_SECONDS, buys=True)
                found = read_prediction(data, self._secrets)
                if found is None:
                    # It said yes, and did not say to what.
                    raise CallRefused(Unanswered(NO_ANSWER), answered=False, http_status=200)
            except CallRefused as refused:
                span.note({STATUS: refused.http_status})
                raise
            span.note({STATUS: 200, "gen_ai.response.id": found.id, "gen_ai.output.type": "image"})
            return found

    async def result(self, prediction_id: str) -> Prediction | None:
        """Where a task stands; None where the provider does not know it (any more)."""
        path = f"/predictions/{quote(prediction_id, safe='')}/result"
        try:
            data = await self._ask(
                "GET", path, None, READ_SECONDS, template="/predictions/{id}/result"
            )
        except CallRefused as refused:
            if refused.http_status == 404:
                return None
            raise
        found = read_prediction(data, self._secrets)
        if found is None:
            raise CallRefused(Transient(AWAY), http_status=200)
        return found

    async def search(self, model: str, since: float) -> Sequence[Prediction]:
        """Our own tasks of a model, with their inputs, made after `since` (Unix seconds)."""
        after = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
        found: list[Prediction] = []
        for page in range(1, 6):
            body = {"page": page, "page_size": _PAGE, "model": model, "include_inputs": True,
                    "created_after": after.replace("+00:00", "Z")}  # fmt: skip
            data = await self._ask("POST", "/predictions", body, READ_SECONDS)
            items = data.get("items") if isinstance(data, dict) else None
            entries = items if isinstance(items, list) else []
            found += filter(None, (read_prediction(entry, self._secrets) for entry in entries))
            if len(entries) < _PAGE:
                break
        return found

    async def withdraw(self, prediction_id: str) -> bool:
        """Ask to stop a task; whether the provider said yes. It may go on and be charged."""
        path = f"/predictions/{quote(prediction_id, safe='')}"
        try:
            await self._ask("DELETE", path, None, READ_SECONDS, template="/predictions/{id}")
        except CallRefused as refused:
            if refused.http_status == 404:
                return False
            raise
        return True

    async def balance(self) -> Decimal | None:
        """What the account has, in USD."""
        data = await self._ask("GET", "/balance", None, READ_SECONDS)
        return _money(data.get("balance") if isinstance(data, dict) else None)

    async def price(self, model: str, inputs: Mapping[str, Any]) -> Decimal | None:
        """What one call would cost, in USD, with the account's discount."""
        body = {"model_id": model, "inputs": dict(inputs)}
        data = await self._ask("POST", "/model/price", body, READ_SECONDS)
        found = data if isinstance(data, dict) else {}
        return _money(found.get("discounted_price")) or _money(found.get("price"))

    async def webhook_secret(self) -> str | None:
        """What webhooks are signed with."""
        data = await self._ask("GET", "/webhook/secret", None, READ_SECONDS)
        secret = data.get("secret") if isinstance(data, dict) else None
        return secret if isinstance(secret, str) and secret else None

    async def upload(self, data: bytes, media_type: str, name: str) -> str:
        """Give a picture to the provider; returns its address there, good for seven days."""
        body = {"filename": name, "size": len(data), "content_type": media_type}
        ticket = await self._ask("POST", "/media/uploads", body, READ_SECONDS)
        try:
            target, put = str(ticket["download_url"]), ticket["upload"]
            url, headers = str(put["url"]), {str(k): str(v) for k, v in put["headers"].items()}
        except (TypeError, KeyError, AttributeError):
            raise CallRefused(Transient(AWAY), http_status=200) from None
        await self._put(url, headers, data)
        return target

    async def _put(self, url: str, headers: Mapping[str, str], data: bytes) -> None:
        try:
            # Its host is the provider's to choose, so it passes the guard, and without our key.
            parsed = parse_picture_url(url, trusted=self._outside.trusted_hosts)
            session = self._outside.for_url(parsed)
            async with (
                asyncio.timeout(UPLOAD_SECONDS),
                session.put(
                    parsed.text, data=io.BytesIO(data), headers=headers, allow_redirects=False
                ) as response,
            ):
                if not 200 <= response.status < 300:
                    raise CallRefused(Transient(AWAY), http_status=response.status)
        except (UrlRefused, OriginRefused) as error:
            raise CallRefused(Misconfigured(WRONG_KEY)) from error
        except ValueError as error:
            # Names or values that no header can carry: a line end in them, for one.
            raise CallRefused(Transient(AWAY)) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise CallRefused(Transient(AWAY)) from error

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float,
        *, template: str | None = None,
    ) -> Any:  # fmt: skip
        with http_call(method, template or path, self._server) as span:
            try:
                data = await self._exchange(method, path, body, seconds)
            except CallRefused as refused:
                span.note({STATUS: refused.http_status})
                raise
            span.note({STATUS: 200})
            return data

    async def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float,
        *, buys: bool = False,
    ) -> Any:  # fmt: skip
        status: int | None = None
        try:
            async with asyncio.timeout(seconds):
                opening = self._open(method, path, body)
                sent = under_way("submit.sent", opening, pause=0.05) if buys else opening
                async with await sent as response:
                    status = response.status
                    reply = await _read_reply(response)
            if buys:
                reached("submit.answered")
        except (OriginRefused, aiohttp.InvalidURL) as error:
            logger.error("the address of wavespeed cannot be called: %s", type(error).__name__)
            raise CallRefused(Misconfigured(WRONG_KEY)) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            logger.warning("wavespeed could not be reached: %s", type(error).__name__)
            raise CallRefused(Transient(AWAY)) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            logger.warning("wavespeed did not answer %s: %s", method, type(error).__name__)
            if buys:
                raise CallRefused(
                    Unanswered(NO_ANSWER), answered=False, http_status=status
                ) from error
            raise CallRefused(Transient(AWAY), http_status=status) from error
        try:
            return read_data(status, reply, is_post=buys)
        except CallRefused as refused:
            logger.warning("wavespeed answered %s: %s", status, refused.failure.code)
            raise

    async def _open(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> aiohttp.ClientResponse:
        return await self._session.request(
            method,
            f"{self._base}{path}",
            data=None if body is None else io.BytesIO(json.dumps(body).encode()),
            headers=self._headers | ({} if body is None else {"Content-Type": "application/json"}),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                total=None, connect=_CONNECT_SECONDS, sock_connect=_CONNECT_SECONDS
            ),
        )


async def _read_reply(response: aiohttp.ClientResponse) -> bytes:
    """The body; cut at the size that a reply may have, so that it cannot be read then."""
    received = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        received += chunk
        if len(received) > MOST_REPLY_BYTES:
            break
    return bytes(received)


def _money(value: object) -> Decimal | None:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found < _MOST_USD else None
