"""From the words of a query to a filter of jobs, all pure."""

import re
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from prompt_queue.api.ops_job_schemas import Kind
from prompt_queue.api.paging import bad_parameter, time_parameter, uuid_parameter
from prompt_queue.jobs.job import Source, Status
from prompt_queue.jobs.picture import PictureStatus
from prompt_queue.jobs.priority import BANDS, HIGHEST, LOWEST, read_range
from prompt_queue.store.ops_store import JobFilter

FILTERS: Final = (
    "kind", "status", "priority", "model", "source", "errorCode", "userId", "rowId",
    "createdAfter", "createdBefore", "q",
)  # fmt: skip
LONGEST_WORDS: Final = 200
_LEAST_OF_ID = 6
_PART_OF_ID = re.compile(rf"[0-9a-fA-F-]{{{_LEAST_OF_ID},36}}")


def kind_parameter(text: str | None) -> Kind:
    """Prompts, unless pictures are asked for. Raises Problem."""
    if text in {None, "prompt"}:
        return "prompt"
    if text == "picture":
        return "picture"
    raise bad_parameter("kind", "kind must be prompt or picture.")


def job_filter(given: Mapping[str, str | None]) -> JobFilter:
    """What the parameters mean together. Raises Problem."""
    kind = kind_parameter(given.get("kind"))
    words, ids = _search(given.get("q"))
    return JobFilter(
        status=_one_of(
            "status", given.get("status"), Status if kind == "prompt" else PictureStatus
        ),
        priorities=_priorities(given.get("priority")),
        model=_text("model", given.get("model")),
        source=_source(kind, given.get("source")),
        error_code=_text("errorCode", given.get("errorCode")),
        user_id=uuid_parameter("userId", given.get("userId")),
        row_id=uuid_parameter("rowId", given.get("rowId")),
        created_after=time_parameter("createdAfter", given.get("createdAfter")),
        created_before=time_parameter("createdBefore", given.get("createdBefore")),
        words=words,
        ids=ids,
    )


def id_range(text: str) -> tuple[UUID, UUID] | None:
    """The first and the last UUID that begin so; None where none does."""
    if not _PART_OF_ID.fullmatch(text):
        return None
    digits = text.replace("-", "")
    whole = str(UUID(digits.ljust(32, "0"))) if len(digits) <= 32 else ""
    if not whole.startswith(text.lower().rstrip("-")) or len(digits) < _LEAST_OF_ID:
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _search(text: str | None) -> tuple[str | None, tuple[UUID, UUID] | None]:
    words = " ".join((text or "").split())
    if not words:
        return None, None
    found = id_range(words)
    return (None, found) if found else (_text("q", words), None)


def _priorities(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = read_range(text)
    if found is None:
        raise bad_parameter(
            "priority",
            f"priority must be a number from {LOWEST} to {HIGHEST}, two as in 1-3, or a word: "
            f"{', '.join(BANDS)}.",
        )
    return found


def _source(kind: Kind, text: str | None) -> str | None:
    if text is not None and kind == "picture":
        raise bad_parameter("source", "source is known of prompts alone; leave it out.")
    return _one_of("source", text, Source)


def _one_of(
    name: str, text: str | None, words: type[Status | PictureStatus | Source]
) -> str | None:
    if text is None:
        return None
    if text not in set(words):
        raise bad_parameter(name, f"{name} must be one of {', '.join(words)}.")
    return text


def _text(name: str, text: str | None) -> str | None:
    if text is not None and (not text or len(text) > LONGEST_WORDS or "\x00" in text):
        raise bad_parameter(name, f"{name} must have from 1 to {LONGEST_WORDS} characters.")
    return text
