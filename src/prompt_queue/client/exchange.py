"""What passes between the client's thinking, which does no input or output, and its doing.

The thinking is generators (`Flow`): each yields what it wants done and is sent what came of it, so
that one text of retries, waiting and watching serves programs with and without asyncio.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request below the base address. `path` is escaped already.

    `repeatable`: a second arrival does no harm, so it is sent again when its answer was lost.
    `holds`: seconds for which the server may keep the answer back.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    repeatable: bool = True
    holds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def text(self) -> str:
        """The body, readable whatever it is."""
        return self.body[:4096].decode("utf-8", "replace")


class NoAnswer(Exception):
    """A request was not answered. `sent`: it may have arrived all the same."""

    def __init__(self, reason: str, *, sent: bool, late: bool = False) -> None:
        super().__init__(reason)
        self.sent = sent
        self.late = late


class Silence(Exception):
    """An open stream brought nothing for as long as was waited."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Send and read to the end -> Answer. Raises NoAnswer after `seconds` at the latest."""

    request: Request
    seconds: float


@dataclass(frozen=True, slots=True)
class Open:
    """Send and read the head -> Answer; a body follows by Read where the status is 200."""

    request: Request
    seconds: float


@dataclass(frozen=True, slots=True)
class Read:
    """The next bytes of the open stream; b"" at its end. Raises NoAnswer, or Silence."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """Close the open stream, if there is one."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Let this many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit(Generic[T]):
    """Give this to whoever iterates."""

    item: T


Deed = Exchange | Open | Read | Close | Pause
Flow = Generator[Deed, Any, T]
Series = Generator[Deed | Emit[T], Any, None]


@dataclass(frozen=True, slots=True)
class Done:
    """A flow has come to its end, with this."""

    value: Any


def advance(
    flow: Generator[Any, Any, Any], result: Any = None, failure: Exception | None = None
) -> Deed | Emit[Any] | Done:
    """Tell a flow what came of what it wanted; returns what it wants next, or Done."""
    try:
        wanted: Deed | Emit[Any] = flow.send(result) if failure is None else flow.throw(failure)
    except StopIteration as end:
        return Done(end.value)
    return wanted
