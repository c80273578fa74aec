"""ONE call to Grok: no retry, no fallback, one deadline."""

import asyncio
import io
import logging
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
from pydantic_core import to_json

from prompt_queue.failpoints import reached, under_way
from prompt_queue.generation.answer import CallFailed, GrokAnswer, read_answer
from prompt_queue.generation.classify import classify, read_error
from prompt_queue.generation.messages import Message, inline_characters
from prompt_queue.generation.models import accepted_effort
from prompt_queue.generation.spans import note_answer, note_failure
from prompt_queue.generation.stream import StreamedReply
from prompt_queue.generation.timeouts import CallTimeouts
from prompt_queue.guards.egress import OriginRefused
from prompt_queue.jobs.errors import Misconfigured, Transient, Unanswered
from prompt_queue.jobs.redaction import redact, without
from prompt_queue.tracing.calls import model_call, server_of

MOST_ANSWER_TOKENS = 400
"""Tokens that the visible answer may have; reasoning is not counted."""

MOST_REPLY_BYTES = 2 * 1024 * 1024
"""Size that a reply may have, in bytes."""

OnText = Callable[[str], None]
"""Takes the text as far as it has been written."""

_EVENTS = "text/event-stream"
_CHUNK = 64 * 1024
_ENCODED_AT_ONCE = 256 * 1024
_CONNECT_SECONDS = 5.0

logger = logging.getLogger(__name__)


class GrokClient:
    """Asks one xAI-shaped server at `base`, for example https://api.x.ai/v1.

    `session` comes from `guards.egress.provider_session` and stays the caller's to close.
    `timeouts` limit one whole call, from the connection to the last byte.
    Raises ValueError for a key that cannot be sent in a header.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        api_key: str,
        reasoning_effort: str,
        timeouts: CallTimeouts,
    ) -> None:
        if not api_key.isascii() or not api_key.isprintable() or not api_key.strip():
            raise ValueError("XAI_API_KEY is empty or holds characters that no key has")
        self._session = session
        self._url = f"{base.rstrip('/')}/chat/completions"
        self._server = server_of(base)
        self._authorization = f"Bearer {api_key.strip()}"
        self._effort = reasoning_effort
        self._timeouts = timeouts

    async def complete(
        self,
        model: str,
        messages: Sequence[Message],
        conversation_id: str | None,
        retry_count: int = 0,
        on_text: OnText | None = None,
    ) -> GrokAnswer:
        """What `model` answers. Raises CallFailed and nothing else but cancellation.

        Calls with the same `conversation_id` reach the same prompt cache. A job that was retried
        is given more time. With `on_text` the answer is streamed; it counts only once it is whole.
        """
        with model_call("chat", "x_ai", model, self._server) as span:
            try:
                answer = await self._complete(
                    model, messages, conversation_id, retry_count, on_text
                )
            except CallFailed as failed:
                note_failure(span, failed)
                raise
            note_answer(span, answer)
            return answer

    async def _complete(
        self,
        model: str,
        messages: Sequence[Message],
        conversation_id: str | None,
        retry_count: int,
        on_text: OnText | None,
    ) -> GrokAnswer:
        seconds = self._timeouts.seconds(model, retry_count)
        begun = asyncio.get_running_loop().time()
        streams = on_text is not None
        body = await self._encoded(model, messages, streams=streams)
        status: int | None = None
        try:
            async with asyncio.timeout(seconds):
                opening = self._open(body, conversation_id, seconds)
                async with await under_way("request.sent", opening, pause=0.05) as response:
                    status = response.status
                    if on_text and response.content_type == _EVENTS and status == 200:
                        reply = await _read_stream(response, on_text)
                    else:
                        reply = await _read_reply(response)
                    headers = dict(response.headers)
            reached("reply.read")
        except (OriginRefused, aiohttp.InvalidURL) as error:
            logger.error("the address of grok cannot be called: %s", type(error).__name__)
            raise CallFailed(Misconfigured(), answered=True) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            logger.warning("grok could not be reached: %s", type(error).__name__)
            raise CallFailed(Transient(), answered=True) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            logger.warning("grok did not answer: %s", type(error).__name__)
            raise _broken_off(status) from error
        if reply is None:
            sentence = "Grok's answer was too large to be used; please try again."
            raise CallFailed(Transient(sentence), answered=True, http_status=status)
        if status == 200:
            self._timeouts.answered(model, asyncio.get_running_loop().time() - begun)
            return self._answer(status, headers, reply, model)
        self._log(status, reply, model)
        raise CallFailed(classify(status, headers, reply), answered=True, http_status=status)

    async def _encoded(self, model: str, messages: Sequence[Message], *, streams: bool) -> bytes:
        if inline_characters(messages) <= _ENCODED_AT_ONCE:
            return self._encode(model, messages, streams=streams)
        # Megabytes of pictures must not hold up the loop.
        return await asyncio.to_thread(self._encode, model, messages, streams=streams)

    def _encode(self, model: str, messages: Sequence[Message], *, streams: bool) -> bytes:
        payload: dict[str, Any] = {
            "model": model,
            "messages": list(messages),
            "max_completion_tokens": MOST_ANSWER_TOKENS,
        }
        effort = accepted_effort(model, self._effort)
        if effort is not None:
            payload["reasoning_effort"] = effort
        if streams:
            payload |= {"stream": True, "stream_options": {"include_usage": True}}
        return to_json(payload)

    async def _open(
        self, body: bytes, conversation_id: str | None, seconds: float
    ) -> aiohttp.ClientResponse:
        headers = {"Authorization": self._authorization, "Content-Type": "application/json"}
        if conversation_id:
            headers["x-grok-conv-id"] = conversation_id
        # A timeout while connecting must be told from one after sending.
        connect = min(_CONNECT_SECONDS, seconds / 2)
        return await self._session.post(
            self._url,
            data=io.BytesIO(body),  # sent in pieces: large pictures must not hold up the loop
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect),
        )

    def _answer(self, status: int, headers: dict[str, str], reply: bytes, model: str) -> GrokAnswer:
        try:
            return read_answer(status, headers, reply, model)
        except CallFailed as failed:
            if failed.model is None:
                self._log(status, reply, model)
            raise

    def _log(self, status: int, reply: bytes, model: str) -> None:
        said = read_error(reply)
        secret = self._authorization.removeprefix("Bearer ")
        text = redact(without(f"{said.code}: {said.message}", [secret]))
        logger.warning("grok answered %s for %s: %s", status, model, text)


async def _read_reply(response: aiohttp.ClientResponse) -> bytes | None:
    """The body; None where it is larger than a reply may be."""
    received = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        received += chunk
        reached("reply.begun")
        if len(received) > MOST_REPLY_BYTES:
            return None
    return bytes(received)


async def _read_stream(response: aiohttp.ClientResponse, on_text: OnText) -> bytes | None:
    """The reply put together; None where it is too large. Raises OSError where it breaks off."""
    reply, received, shown = StreamedReply(), 0, 0
    try:
        async for chunk in response.content.iter_any():
            received += len(chunk)
            reply.feed(chunk)
            reached("reply.begun")
            if received > MOST_REPLY_BYTES:
                return None
            if len(reply.text) > shown:
                shown = len(reply.text)
                on_text(reply.text)
            if reply.is_over:
                break
    except (aiohttp.ClientError, OSError):
        # What is paid for and whole counts, however the connection ends.
        if not reply.is_whole:
            raise
    if not reply.is_whole:
        raise ConnectionError("the stream ended before the answer did")
    return reply.body()


def _broken_off(status: int | None) -> CallFailed:
    """A refusal by status is an answer even without its body; a success without one is not."""
    if status is not None and status != 200:
        return CallFailed(classify(status, {}, b""), answered=True, http_status=status)
    return CallFailed(Unanswered(), answered=False, http_status=status)
