"""What the house knows of spans, and what it does where nobody wants them: nothing."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Protocol

Value = str | int | float | bool | tuple[str, ...]
Attributes = Mapping[str, Value | None]
"""What is None is left out."""


class Kind(StrEnum):
    """Which side of a conversation a span is on."""

    INTERNAL = "internal"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Ids(Protocol):
    """The two names of a span, in hexadecimal."""

    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...


class Span(Protocol):
    """Something that takes time. It ends with its block; an exception that leaves it fails it."""

    def note(self, attributes: Attributes) -> None:
        """Add what is known by now."""

    def fail(self, error: str) -> None:
        """It went wrong; `error` is a class of errors and never a text about one."""

    def link(self, traceparent: str | None) -> None:
        """It has to do with another span, of perhaps another trace."""

    def drop(self) -> None:
        """Nothing happened: nobody is told of it."""


class Tracer(Protocol):
    """Makes spans. `parent` is a W3C traceparent, or None for a new trace."""

    def span(
        self, name: str, kind: Kind, attributes: Attributes
    ) -> AbstractContextManager[Span]: ...

    def root(
        self, name: str, kind: Kind, attributes: Attributes, parent: str | None
    ) -> AbstractContextManager[Span]: ...

    def traceparent(self) -> str | None: ...

    def ids(self) -> Ids | None: ...

    @property
    def provider(self) -> Any: ...


class _Nothing:
    """The span of a process that is not traced."""

    __slots__ = ()

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def note(self, attributes: Attributes) -> None:
        """See `Span`."""

    def fail(self, error: str) -> None:
        """See `Span`."""

    def link(self, traceparent: str | None) -> None:
        """See `Span`."""

    def drop(self) -> None:
        """See `Span`."""


NOTHING: Final = _Nothing()
"""For who can tell beforehand that nobody makes spans."""

_NO_ATTRIBUTES: Final[Attributes] = {}
_tracer: Tracer | None = None


def install(tracer: Tracer | None) -> None:
    """Spans are made by this from now on; None: by nobody."""
    global _tracer  # noqa: PLW0603 - as the configuration of a log is
    _tracer = tracer


def is_on() -> bool:
    """Whether anybody makes spans."""
    return _tracer is not None


def span(
    name: str, kind: Kind = Kind.INTERNAL, attributes: Attributes = _NO_ATTRIBUTES
) -> AbstractContextManager[Span]:
    """A part of what is going on: its parent is the present span."""
    return NOTHING if _tracer is None else _tracer.span(name, kind, attributes)


def root(
    name: str, kind: Kind, attributes: Attributes, parent: str | None = None
) -> AbstractContextManager[Span]:
    """What goes on because of `parent`, in perhaps another process; None: a trace begins."""
    return NOTHING if _tracer is None else _tracer.root(name, kind, attributes, parent)


def traceparent() -> str | None:
    """The present span as W3C Trace Context writes it; None where there is none."""
    return None if _tracer is None else _tracer.traceparent()


def ids() -> Ids | None:
    """The present span as log lines name it."""
    return None if _tracer is None else _tracer.ids()


def provider() -> Any:
    """The tracer provider for libraries that make spans themselves; None where nobody does."""
    return None if _tracer is None else _tracer.provider
