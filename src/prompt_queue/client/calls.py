"""What is asked of the server: each call as a request, and how to read its answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID, uuid4

from prompt_queue.client.errors import unexpected
from prompt_queue.client.exchange import Answer, Request
from prompt_queue.client.models import Job, PictureJob, PromptJob, Timeline
from prompt_queue.client.reading import Unreadable, read

T = TypeVar("T")
J = TypeVar("J", bound=Job)
QUEUE: Final = "/api/prompt/queue"
JOBS: Final = "/api/jobs"
ROWS: Final = "/api/rows"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and what its answer becomes.

    `instead`: a code and a request. Where that code answers a repeat whose first answer was lost,
    the first one did count, and the other request brings what it would have answered.
    """

    request: Request
    read: Callable[[Any], T]
    instead: tuple[str, Request] | None = None

    def result(self, answer: Answer) -> T:
        """The answer as the caller gets it. Raises UnexpectedAnswer."""
        try:
            return self.read(json.loads(answer.body))
        except Unreadable as error:
            raise unexpected(answer, self.request, str(error)) from None
        except ValueError:
            raise unexpected(answer, self.request, "not JSON") from None


@dataclass(frozen=True, slots=True)
class Kind(Generic[J]):
    """One of the two kinds of job: where it lives, what it is read as, and where all are listed."""

    base: str
    model: type[J]
    listing: str

    def path(self, job_id: str | UUID, *more: str) -> str:
        """Where a job is, or something of it."""
        return "/".join((self.base, quote(str(job_id), safe=""), *more))

    def get(self, job_id: str | UUID, wait: float = 0.0, etag: str | None = None) -> Call[J]:
        """The job; `wait` seconds later, or when it has ended, or has another ETag."""
        request = Request(
            method="GET",
            path=self.path(job_id),
            query={"wait": f"{wait:.3f}"} if wait > 0 else {},
            headers={"If-None-Match": etag} if etag else {},
            holds=wait,
        )
        return Call(request, reader(self.model))

    def timeline(self, job_id: str | UUID) -> Call[Timeline]:
        """What happened to the job."""
        return get(self.path(job_id, "timeline"), Timeline)

    def act(self, method: str, job_id: str | UUID, kind: type[T], *more: str) -> Call[T]:
        """A change that may arrive twice."""
        return Call(Request(method=method, path=self.path(job_id, *more)), reader(kind))

    def retry(self, job_id: str | UUID, kind: type[T]) -> Call[T]:
        """Put a failed job back. Its repeat is refused, because the job waits again by then."""
        path = self.path(job_id, "retry")
        headers = {"Idempotency-Key": str(uuid4())}
        look = Request(method="GET", path=self.path(job_id))
        request = Request(method="POST", path=path, headers=headers)
        return Call(request, reader(kind), ("not_failed", look))


PROMPTS: Final = Kind(QUEUE, PromptJob, f"{QUEUE}/jobs")
PICTURES: Final = Kind(JOBS, PictureJob, JOBS)


def reader(kind: type[T]) -> Callable[[Any], T]:
    """Reads a JSON object as `kind`."""
    return lambda found: read(kind, found)


def get(path: str, kind: type[T]) -> Call[T]:
    """Something to look at."""
    return Call(Request(method="GET", path=path), reader(kind))


def health() -> Call[dict[str, Any]]:
    """Everything that the server says about its health."""

    def read_all(found: Any) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise Unreadable("not an object")
        return found

    return Call(Request(method="GET", path="/api/health"), read_all)


def post(path: str, kind: type[T], options: Mapping[str, Any], **fields: Any) -> Call[T]:
    """Something that is made once, however often it is sent."""
    given = dict(options)
    key = given.pop("idempotency_key", None) or str(uuid4())
    request = Request(method="POST", path=path, headers={"Idempotency-Key": key})
    return _with_body(request, kind, given, fields)


def make_row(kind: type[T], options: Mapping[str, Any]) -> Call[T]:
    """A row. The server does not know repeats of this one, so it is not repeated."""
    headers = {"Idempotency-Key": str(uuid4())}
    request = Request(method="POST", path=ROWS, headers=headers, repeatable=False)
    return _with_body(request, kind, options, {})


def set_prompt(job_id: str | UUID, text: str, *, successor: bool) -> Call[PromptJob]:
    """A prompt by hand. With `successor` each arrival makes a job, so that is not repeated."""
    fields = {"prompt": text} | ({"successor": True} if successor else {})
    path = PROMPTS.path(job_id, "prompt")
    request = Request(method="PUT", path=path, repeatable=not successor)
    return _with_body(request, PromptJob, {}, fields)


def upload(data: bytes, kind: type[T]) -> Call[T]:
    """A picture; a repeat stores it twice, which does no harm."""
    headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": str(uuid4())}
    request = Request(method="POST", path="/api/uploads", headers=headers, body=data)
    return Call(request, reader(kind))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list, and where it goes on."""

    items: tuple[T, ...]
    next_cursor: str | None


def page(path: str, kind: type[T], chosen: Mapping[str, Any], cursor: str | None) -> Call[Page[T]]:
    """One page of a list."""
    query = {_NAMES.get(name, name): _said(value) for name, value in chosen.items()}
    request = Request(method="GET", path=path, query=query | ({"cursor": cursor} if cursor else {}))

    def read_page(found: Any) -> Page[T]:
        if not isinstance(found, Mapping) or not isinstance(found.get("data"), list):
            raise Unreadable("not a list")
        items = tuple(read(kind, item) for item in found["data"])
        return Page(items, found.get("nextCursor") if found.get("hasMore") else None)

    return Call(request, read_page)


_NAMES: Final = {"row_id": "rowId", "created_after": "createdAfter", "page_size": "limit"}


def _said(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _with_body(
    request: Request, kind: type[T], options: Mapping[str, Any], fields: Mapping[str, Any]
) -> Call[T]:
    """The request with its fields as JSON, camelCase."""
    body = {**fields, **options}
    more = body.pop("more", {})
    said = {_camel(name): _plain(value) for name, value in body.items()} | dict(more)
    headers = {**request.headers, "Content-Type": "application/json"}
    return Call(replace(request, headers=headers, body=json.dumps(said).encode()), reader(kind))


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return list(value) if isinstance(value, tuple | set | frozenset) else value
