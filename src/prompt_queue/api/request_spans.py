"""Spans of requests, as FastAPI makes them: with our provider, or not at all."""

from collections.abc import MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi.telemetry import TelemetryConfig

from prompt_queue.guards.callbacks import CALLBACK_PATH
from prompt_queue.tracing import provider

_NO_BUSINESS: Final = (
    # The path itself opens what it names.
    "/files/", CALLBACK_PATH,
    # Asked every few seconds by machines.
    "/api/health", "/metrics",
)  # fmt: skip


def request_spans() -> TelemetryConfig:
    """One span a request, a child of the caller's `traceparent`; it stands around everything.

    What FastAPI would do with providers that others have made global is switched off.
    """
    ours = provider()
    return {
        "tracing": ours is not None,
        "tracer_provider": ours,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": _is_no_business,
    }


def _is_no_business(scope: MutableMapping[str, Any]) -> bool:
    # A span has the query, and so would have the ticket.
    asked = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    has_ticket = any(name == "ticket" for name, _ in asked)
    return has_ticket or str(scope.get("path", "")).startswith(_NO_BUSINESS)
