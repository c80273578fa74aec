"""Spans made by OpenTelemetry: the only file that imports it, itself imported only if wanted."""

import logging
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final
from urllib.parse import parse_qsl

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from prompt_queue.tracing.spans import Attributes, Kind, Span

FLUSH_SECONDS: Final = 2.0
"""How long the end of a process waits for its last spans to leave."""

_COMPLAINT_SECONDS: Final = 60.0
_KINDS: Final = {kind: SpanKind[kind.name] for kind in Kind}
_PROPAGATOR: Final = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class HexIds:
    """See `spans.Ids`."""

    trace_id: str
    span_id: str


class OpenTelemetry:
    """See `spans.Tracer`. Spans go where the provider sends them; the global one is left alone."""

    def __init__(self, provider: TracerProvider, version: str) -> None:
        self.provider = provider
        self._tracer = provider.get_tracer("prompt_queue", version)

    def span(self, name: str, kind: Kind, attributes: Attributes) -> AbstractContextManager[Span]:
        """A child of the present span."""
        return _Open(self._start(name, kind, attributes, None))

    def root(
        self, name: str, kind: Kind, attributes: Attributes, parent: str | None
    ) -> AbstractContextManager[Span]:
        """A child of the span that `parent` writes, or the first of a trace."""
        return _Open(self._start(name, kind, attributes, _context_of(parent)))

    def traceparent(self) -> str | None:
        """The present span as W3C Trace Context writes it."""
        here = _present()
        if here is None:
            return None
        return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}"

    def ids(self) -> HexIds | None:
        """The names of the present span."""
        here = _present()
        return HexIds(f"{here.trace_id:032x}", f"{here.span_id:016x}") if here else None

    def close(self) -> None:
        """Send what is left; an exporter that is away is not waited for longer than a moment."""
        ending = threading.Thread(target=self.provider.shutdown, name="last spans", daemon=True)
        ending.start()
        ending.join(FLUSH_SECONDS)

    def _start(
        self, name: str, kind: Kind, attributes: Attributes, context: Context | None
    ) -> trace.Span:
        known = {key: value for key, value in attributes.items() if value is not None}
        return self._tracer.start_span(name, context, _KINDS[kind], known)


class _Open:
    """A span that is the present one inside its block."""

    __slots__ = ("_dropped", "_failed", "_span", "_token")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._dropped = self._failed = False

    def __enter__(self) -> Span:
        self._token = attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        detach(self._token)
        if error is not None and not self._failed:
            self.fail(_class_of(error))
        if not self._dropped:
            self._span.end()

    def note(self, attributes: Attributes) -> None:
        """See `spans.Span`."""
        for key, value in attributes.items():
            if value is not None:
                self._span.set_attribute(key, value)

    def fail(self, error: str) -> None:
        """See `spans.Span`."""
        self._failed = True
        self._span.set_attribute("error.type", error)
        self._span.set_status(StatusCode.ERROR)

    def link(self, traceparent: str | None) -> None:
        """See `spans.Span`."""
        if traceparent is not None:
            other = trace.get_current_span(_context_of(traceparent)).get_span_context()
            if other.is_valid:
                self._span.add_link(other)

    def drop(self) -> None:
        """See `spans.Span`; what never ends is never exported."""
        self._dropped = True


class Discreet(SpanProcessor):
    """Leaves the names of query parameters, and takes out what they say."""

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Spans of requests come with the query that was sent."""
        query = (span.attributes or {}).get("url.query")
        if isinstance(query, str):
            names = (name for name, _ in parse_qsl(query, keep_blank_values=True))
            span.set_attribute("url.query", "&".join(f"{name}=REDACTED" for name in names))

    def on_end(self, span: ReadableSpan) -> None:
        """Nothing is left to do."""


class Seldom(logging.Filter):
    """Lets one line a minute pass: a collector that is away is no news every few seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._next = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is the one."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _COMPLAINT_SECONDS
        return True


def exporting(exporter: str, service: str) -> TracerProvider:
    """A provider that exports in a thread of its own, set up by the environment.

    Raises what OpenTelemetry raises for settings that it does not take.
    """
    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: service}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(Discreet())
    provider.add_span_processor(BatchSpanProcessor(_exporter(exporter)))
    return provider


def _exporter(name: str) -> SpanExporter:
    if name == "console":
        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http import trace_exporter

    logging.getLogger(trace_exporter.__name__).addFilter(Seldom())
    return trace_exporter.OTLPSpanExporter()


def _context_of(traceparent: str | None) -> Context:
    """Of an unreadable one, too, a new trace comes."""
    carrier: dict[str, Any] = {} if traceparent is None else {"traceparent": traceparent}
    return _PROPAGATOR.extract(carrier, Context())


def _present() -> SpanContext | None:
    here = trace.get_current_span().get_span_context()
    return here if here.is_valid else None


def _class_of(error: BaseException) -> str:
    """Our own word for a failure where there is one; texts may quote what a person wrote."""
    code = getattr(getattr(error, "failure", error), "code", None)
    return code if isinstance(code, str) else type(error).__name__
