"""Spans of outside calls, named as the GenAI and HTTP conventions of OpenTelemetry have it.

No text, no picture, no address beyond the host: what people write and show stays out of traces.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Literal
from urllib.parse import urlsplit

from prompt_queue.tracing.spans import Kind, Span, span

STATUS = "http.response.status_code"

Server = Mapping[str, str | int | None]


def server_of(url: str) -> Server:
    """Host and port of an address, and nothing else of it."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return {}
    return {"server.address": parts.hostname, "server.port": port}


def model_call(
    operation: Literal["chat", "generate_content"],
    provider: Literal["x_ai", "wavespeed"],
    model: str,
    server: Server,
) -> AbstractContextManager[Span]:
    """One paid call to a model."""
    return span(
        f"{operation} {model}",
        Kind.CLIENT,
        {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            **server,
        },
    )


def http_call(method: str, template: str | None, server: Server) -> AbstractContextManager[Span]:
    """Any other call; `template` is the path without what differs from call to call."""
    return span(
        f"{method} {template}" if template else method,
        Kind.CLIENT,
        {"http.request.method": method, "url.template": template, **server},
    )
