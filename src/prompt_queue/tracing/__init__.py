"""Spans of a job's way through the processes: one call where it happens, close to free when off.

Nothing of OpenTelemetry is imported until `tracing.setup` was asked for spans and found it.
"""

from prompt_queue.tracing.spans import (
    NOTHING,
    Attributes,
    Ids,
    Kind,
    Span,
    Tracer,
    ids,
    install,
    is_on,
    provider,
    root,
    span,
    traceparent,
)

__all__ = [
    "NOTHING", "Attributes", "Ids", "Kind", "Span", "Tracer", "ids", "install", "is_on", "provider",
    "root", "span", "traceparent",
]  # fmt: skip
