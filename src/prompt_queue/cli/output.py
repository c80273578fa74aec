"""What commands print: one JSON document, or text and tables for a person."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDTH_IN_A_PIPE = 240
STATUS_STYLES: Mapping[str, str] = {
    "queued": "cyan",
    "processing": "blue",
    "completed": "green",
    "failed": "red",
    "cancelled": "dim",
    "succeeded": "green",
    "waiting_prompt": "cyan",
    "submission_unknown": "yellow",
}


def console(*, err: bool = False) -> "Console":
    """Standard output, or standard error; wide in a pipe, so that nothing is cut off there."""
    from rich.console import Console

    found = Console(stderr=err, markup=False, highlight=False, emoji=False)
    if not found.is_terminal:
        found.width = _WIDTH_IN_A_PIPE
    return found


def print_text(text: str, style: str | None = None) -> None:
    """One paragraph for a person, never wrapped by us."""
    from rich.text import Text

    console().print(Text(printable(text), style=style or ""), soft_wrap=True)


def print_json(document: object) -> None:
    """The one JSON document of a command."""
    sys.stdout.write(json.dumps(document, indent=2, default=_as_json) + "\n")
    sys.stdout.flush()


def camel_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values under camelCase names."""
    return {camel(name): value for name, value in values.items()}


def camel(name: str) -> str:
    """`started_at` becomes `startedAt`."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def printable(text: str) -> str:
    """Text that others wrote, without characters that could steer the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}"
                   for char in text)  # fmt: skip


def one_line(text: str) -> str:
    """The same where a second line could pass for something of ours."""
    return printable(text).replace("\n", " ")


def table(*headings: str) -> "Table":
    """An empty table in the style of the house; numbers go to columns whose heading ends in #."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading in headings:
        number = heading.endswith("#")
        made.add_column(heading.removesuffix("#"), justify="right" if number else "left")
    return made


def moment(at: datetime | None) -> str:
    """A time as a person reads it, in UTC."""
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float | None) -> str:
    """Seconds as a person reads them: `4.2 s`, `3 min 10 s`, `2 h 5 min`."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _as_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no JSON form")
