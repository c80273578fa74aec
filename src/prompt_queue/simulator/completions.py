"""``POST /v1/chat/completions``: one call from its arrival to its last byte."""

import asyncio
import json
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from prompt_queue.simulator import errors, usage, words
from prompt_queue.simulator.auth import authorise
from prompt_queue.simulator.charges import Call
from prompt_queue.simulator.chat import ChatRequest, named_model, named_user, parse_chat
from prompt_queue.simulator.faults import SHAPING, STREAM_FAULTS, Fault, Phase, as_whole
from prompt_queue.simulator.pictures import Picture, Pictures
from prompt_queue.simulator.replies import (
    DRIP_SECONDS,
    Manner,
    Reply,
    completion_body,
    error_reply,
    json_reply,
    replacing_reply,
    shaped,
)
from prompt_queue.simulator.sending import send
from prompt_queue.simulator.state import State
from prompt_queue.simulator.streaming import broken_stream, streamed

LARGE_BODY = 1_000_000
CONVERSATION_HEADER = "x-grok-conv-id"
NONCE_HEADER = "x-request-nonce"
THINKING = 0.3
"""The share of an answer's time before the first word of a stream."""


async def read_json(request: web.Request) -> Any:
    """Decode a JSON body; raises `errors.ApiError` (400, 413 or 415)."""
    if request.content_type != "application/json":
        raise errors.not_json()
    try:
        text = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise errors.body_too_large() from None
    if not text:
        raise errors.not_json()
    try:
        if len(text) > LARGE_BODY:
            return await asyncio.to_thread(json.loads, text)
        return json.loads(text)
    except (ValueError, RecursionError):
        raise errors.invalid_argument("Failed to parse the request body as JSON.") from None


class Completions:
    """Answers chat calls and keeps the log of them."""

    def __init__(self, state: State, pictures: Pictures) -> None:
        self._state = state
        self._pictures = pictures

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call; its record is closed however it ends."""
        headers = request.headers
        nonce = headers.get(NONCE_HEADER) or headers.get(CONVERSATION_HEADER)
        call = self._state.calls.open(nonce)
        outcome = "answered"
        try:
            try:
                reply, fault = await self._answer(request, call)
                if fault is not None:
                    outcome = f"fault:{fault.kind}"
            except errors.ApiError as error:
                outcome, call.detail = "error", error.message
                reply = error_reply(error, self._state.settings.envelope)
            if reply.manner not in ("hang", "reset"):
                call.status = reply.status
            response = await send(request, reply)
        except (asyncio.CancelledError, ConnectionError):
            call.end("client_gone" if outcome == "answered" else outcome, by_client=True)
            raise
        except Exception:
            call.end("stand_in_failed")
            raise
        call.end(outcome)
        return response

    async def _answer(self, request: web.Request, call: Call) -> tuple[Reply, Fault | None]:
        authorise(request.headers, self._state.api_key)
        payload = await read_json(request)
        call.model = named_model(payload)
        call.nonce = call.nonce or named_user(payload)
        limiter, name = self._state.limiter, call.model or ""
        await asyncio.sleep(self._state.arrival_seconds())
        broken = limiter.refusal(name, time.monotonic()) if limiter else None
        if broken is not None:
            raise errors.rate_limited(name, broken)
        fault = await self._fault("before", call)
        if fault is not None:
            return replacing_reply(fault, call.model, self._state.settings.envelope), fault
        chat = parse_chat(payload)
        call.model = chat.model.name
        call.image_count = len(chat.images)
        pictures = await self._pictures.get_all(chat.images)
        call.image_sha256s = [picture.sha256 for picture in pictures]
        tokens = self._prompt_tokens(request, chat, pictures)
        call.charged = True
        seconds = self._state.generation_seconds()
        # A model thinks before the first word of a stream.
        thinking = seconds * THINKING if chat.sampling.streams else seconds
        await asyncio.sleep(thinking)
        body = self._compose(call, chat, pictures, tokens)
        spent = body["usage"]
        reasoning = spent["completion_tokens_details"]["reasoning_tokens"]
        call.tokens = spent["prompt_tokens"] + spent["completion_tokens"] + reasoning
        if limiter is not None:
            limiter.spend(name, call.tokens, time.monotonic())
        fault = await self._fault("after", call)
        if fault is not None and not chat.sampling.streams:
            fault = as_whole(fault)
        if fault is None or fault.kind in SHAPING:
            return _written(chat, body, fault, seconds - thinking), fault
        return replacing_reply(fault, call.model, self._state.settings.envelope), fault

    async def _fault(self, phase: Phase, call: Call) -> Fault | None:
        delay, fault = self._state.faults.draw(phase, call.model)
        await asyncio.sleep(delay)
        return fault

    def _prompt_tokens(
        self, request: web.Request, chat: ChatRequest, pictures: list[Picture]
    ) -> usage.Tokens:
        conversation = request.headers.get(CONVERSATION_HEADER)
        tokens = usage.Tokens(
            text=usage.count_tokens(chat.texts),
            image=sum(
                usage.image_tokens(picture.seen.width, picture.seen.height, picture.detail)
                for picture in pictures
            ),
            cached=self._state.prefixes.cached_tokens(conversation, chat.prefix),
            completion=0,
            reasoning=usage.reasoning_tokens(chat.effort),
        )
        if tokens.prompt > chat.model.context_tokens:
            raise errors.prompt_too_long(chat.model.context_tokens, tokens.prompt)
        return tokens

    def _compose(
        self, call: Call, chat: ChatRequest, pictures: list[Picture], tokens: usage.Tokens
    ) -> dict[str, Any]:
        seen = [picture.seen for picture in pictures]
        answers: list[tuple[str, str]] = []
        for variant in range(chat.sampling.answers):
            text, cut = usage.cut_to_tokens(
                words.write_prompt(seen, variant), chat.sampling.max_tokens
            )
            answers.append((text, "length" if cut else "stop"))
        spent = usage.Tokens(
            text=tokens.text,
            image=tokens.image,
            cached=tokens.cached,
            completion=usage.count_tokens(text for text, _ in answers),
            reasoning=tokens.reasoning,
        )
        ticks = usage.cost_in_ticks(spent, chat.model, priority_tier=chat.sampling.priority_tier)
        call.note_prompt(answers[0][0])
        call.cost_in_usd_ticks = ticks
        return completion_body(
            answer_id=str(uuid.uuid4()),
            created=int(datetime.now(UTC).timestamp()),
            model=chat.model.name,
            answers=answers,
            reasoning=words.describe(seen) if tokens.reasoning and seen else None,
            usage=usage.usage_body(spent, ticks),
            priority_tier=chat.sampling.priority_tier,
        )


def _written(chat: ChatRequest, body: dict[str, Any], fault: Fault | None, seconds: float) -> Reply:
    """The answer whole or as a stream, which takes so many seconds, and spoiled by its fault."""
    if fault is not None and fault.kind in STREAM_FAULTS:
        return broken_stream(fault, body, seconds=seconds)
    manner: Manner = "whole"
    if fault is not None:
        body, manner = shaped(fault, body)
    if manner == "drip":
        seconds = DRIP_SECONDS if fault is None or fault.seconds is None else fault.seconds
    if not chat.sampling.streams:
        return replace(json_reply(200, body), manner=manner, seconds=seconds)
    return streamed(
        body,
        include_usage=chat.sampling.streams_usage,
        seconds=seconds,
        manner="events" if manner == "whole" else manner,
    )
