"""Lists in pages: limits, filters and opaque cursors, all pure."""

import base64
import binascii
import difflib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from prompt_queue.api.problems import Problem
from prompt_queue.api.requests import parse_uuid

LARGEST_PAGE: Final = 100
USUAL_PAGE: Final = 20
Place = tuple[datetime, UUID]


def limit_parameter(text: str | None) -> int:
    """Entries of a page, 1 to 100. Raises Problem."""
    if text is None:
        return USUAL_PAGE
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= LARGEST_PAGE:
        raise bad_parameter("limit", f"limit must be a whole number from 1 to {LARGEST_PAGE}.")
    return int(text)


def time_parameter(name: str, text: str | None) -> datetime | None:
    """An RFC 3339 time with its offset. Raises Problem."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise bad_parameter(
            name, f"{name} must be a time in UTC, for example 2026-11-24T12:00:00Z."
        )
    return found


def uuid_parameter(name: str, text: str | None) -> UUID | None:
    """A UUID. Raises Problem."""
    found = parse_uuid(text)
    if text is not None and found is None:
        raise bad_parameter(name, f"{name} must be a UUID with hyphens.")
    return found


def cursor_parameter(text: str | None) -> Place | None:
    """The place that a cursor of ours stands for. Raises Problem."""
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        created_at, entry_id = json.loads(raw)
        place = datetime.fromisoformat(created_at), UUID(entry_id)
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        place = None
    if place is None or place[0].tzinfo is None:
        raise bad_parameter(
            "cursor", "cursor must be the nextCursor of an earlier page, unchanged."
        )
    return place


def make_cursor(place: Place) -> str:
    """An opaque cursor that continues after the given entry."""
    raw = json.dumps([place[0].isoformat(), str(place[1])])
    return base64.urlsafe_b64encode(raw.encode()).rstrip(b"=").decode()


def link_to_next(url: str, parameters: Mapping[str, str], cursor: str | None) -> dict[str, str]:
    """The Link header of a page that is not the last, as RFC 8288 has it."""
    if cursor is None:
        return {}
    query = urlencode({**parameters, "cursor": cursor})
    return {"Link": f'<{url}?{query}>; rel="next"'}


def refuse_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    """Raises Problem for a parameter that would otherwise be ignored without a word."""
    names = sorted(known)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}."
            raise bad_parameter(name[:80], f"There is no parameter {name[:80]}; {hint}")


def bad_parameter(name: str, detail: str) -> Problem:
    """A parameter of the query or the path that cannot be used."""
    return Problem("invalid_parameter", detail, errors=[{"parameter": name, "detail": detail}])
