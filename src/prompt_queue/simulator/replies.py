"""Answers as data: the regular one in xAI's shape, and what each fault makes of it. Pure."""

import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from prompt_queue.simulator import errors
from prompt_queue.simulator.catalogue import stand_in_label
from prompt_queue.simulator.faults import Fault

Manner = Literal["whole", "truncate", "drip", "hang", "reset", "events", "stall"]

REFUSAL = "I'm sorry, but I can't help with editing this image."
DRIP_SECONDS = 10.0
HTML_PAGE = (
    "<!DOCTYPE html><html><head><title>Bad gateway</title></head>"
    "<body><h1>Error {status}</h1><p>The web server reported a bad gateway.</p></body></html>"
)


@dataclass(frozen=True)
class Reply:
    """An HTTP answer and the manner in which it is sent; ``seconds`` belongs to the manner."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    manner: Manner = "whole"
    seconds: float | None = None


def json_reply(status: int, document: Any) -> Reply:
    """A plain JSON answer."""
    return Reply(status, json.dumps(document).encode())


def error_reply(error: errors.ApiError, envelope: errors.Envelope = "flat") -> Reply:
    """The answer to a request that failed."""
    return json_reply(error.status, error.body(envelope))


def completion_body(
    *,
    answer_id: str,
    created: int,
    model: str,
    answers: list[tuple[str, str]],
    reasoning: str | None,
    usage: dict[str, Any],
    priority_tier: bool,
) -> dict[str, Any]:
    """xAI's ``chat.completion`` object; ``answers`` are texts with their finish reasons."""
    choices = []
    for index, (text, finish_reason) in enumerate(answers):
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if reasoning is not None:
            message["reasoning_content"] = reasoning
        choices.append({"index": index, "message": message, "finish_reason": finish_reason})
    return {
        "id": answer_id,
        "object": "chat.completion",
        "created": created,
        "model": stand_in_label(model),
        "choices": choices,
        "usage": usage,
        "system_fingerprint": "stand-in",
        "service_tier": "priority" if priority_tier else "default",
    }


def _with_body(fault: Fault, fallback: errors.ApiError, envelope: errors.Envelope) -> Reply:
    if fault.body is None:
        status = fault.status or fallback.status
        return replace(error_reply(fallback, envelope), status=status)
    if isinstance(fault.body, str):
        return Reply(
            fault.status or fallback.status, fault.body.encode(errors="replace"), "text/plain"
        )
    return json_reply(fault.status or fallback.status, fault.body)


def replacing_reply(fault: Fault, model: str | None, envelope: errors.Envelope = "flat") -> Reply:
    """The answer that a fault gives instead of the regular one."""
    name = model or "unknown"
    match fault.kind:
        case "status":
            status = fault.status or 500
            reply = _with_body(fault, errors.default_for_status(status, name), envelope)
        case "rate_limit":
            reply = _with_body(fault, errors.rate_limited(name, fault.variant), envelope)
        case "credits":
            reply = _with_body(fault, errors.out_of_credits(), envelope)
        case "safety":
            reply = _with_body(fault, errors.safety_violation(name), envelope)
        case "model_not_found":
            error = errors.model_not_found(name, fault.status or 400)
            reply = _with_body(fault, error, envelope)
        case "error_in_200":
            reply = replace(_with_body(fault, errors.unavailable(), envelope), status=200)
        case "html":
            status = fault.status or 502
            page = fault.body if isinstance(fault.body, str) else HTML_PAGE.format(status=status)
            reply = Reply(status, page.encode(errors="replace"), "text/html")
        case "hang":
            reply = Reply(200, b"", manner="hang", seconds=fault.seconds)
        case _:
            reply = Reply(200, b"", manner="reset")
    if fault.retry_after is not None:
        reply.headers["Retry-After"] = str(fault.retry_after)
    return reply


def _with_content(body: dict[str, Any], content: Any, finish_reason: str) -> dict[str, Any]:
    choices = [
        choice
        | {"message": choice["message"] | {"content": content}}
        | {"finish_reason": finish_reason}
        for choice in body["choices"]
    ]
    return body | {"choices": choices}


def shaped(fault: Fault, body: dict[str, Any]) -> tuple[dict[str, Any], Manner]:
    """The regular answer, spoiled by a shaping fault, and how it is sent."""
    content = fault.body
    match fault.kind:
        case "truncate":
            return body, "truncate"
        case "drip":
            return body, "drip"
        case "empty":
            body = _with_content(body, content, "stop")
        case "refusal":
            body = _with_content(body, REFUSAL if content is None else content, "stop")
        case "content_filter":
            body = _with_content(body, "" if content is None else content, "content_filter")
        case "redirect":
            body = body | {"model": stand_in_label(str(content or "grok-4.3"))}
        case _:
            body = {key: body[key] for key in body if key != "usage"}
    return body, "whole"
