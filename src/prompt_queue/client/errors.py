"""What can go wrong between a program and the server, as one tree.

PromptQueueError
  Unreachable         no answer came: no connection, or it broke
  TimedOut            the time given has passed; `job` is what was seen last
  ApiError            the server answered, with an error
    Unauthorized      401, 403
    NotFound          404, 410
    Conflict          409
    InvalidRequest    400, 413, 415, 421, 422: change the request
    RateLimited       429
    Unavailable       408 and 5xx
    UnexpectedAnswer  something else answers at this address
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from prompt_queue.client.exchange import Answer, Request

_MOST_SHOWN: Final = 120
_SECONDS: Final = re.compile(r"\d{1,9}(\.\d{1,3})?")
# What proxies answer while the server behind them restarts or is busy.
_PASSING: Final = frozenset({408, 429, 502, 503, 504})


class PromptQueueError(Exception):
    """Anything that this client raises on purpose."""


class Unreachable(PromptQueueError):
    """No answer came, and it was not worth, or not safe, to ask once more.

    `sent`: the request may have reached the server, so it may have counted.
    """

    def __init__(self, sentence: str, *, sent: bool = False) -> None:
        super().__init__(sentence)
        self.sent = sent


class TimedOut(PromptQueueError):
    """The time given has passed. `job` is what was last seen of the job that was waited for."""

    def __init__(self, sentence: str, *, job: Any = None) -> None:
        super().__init__(sentence)
        self.job = job


class ApiError(PromptQueueError):
    """An answer that says no.

    `code` is the server's word for it (docs/http-api.md lists them all), `detail` a sentence that
    says what to do, `retryable` whether the same request may work later, `retry_after` the seconds
    that the server asks for, `errors` where in the request the mistake is.
    """

    def __init__(
        self,
        detail: str,
        *,
        code: str,
        status: int,
        retryable: bool = False,
        request_id: str | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{detail} ({status} {code})")
        self.code = code
        self.status = status
        self.detail = detail
        self.retryable = retryable
        self.request_id = request_id
        self.errors = tuple(errors)
        self.retry_after = retry_after


class Unauthorized(ApiError):
    """The token is missing, wrong, or does not allow this."""


class NotFound(ApiError):
    """There is no such job, row or route."""


class Conflict(ApiError):
    """The job is not in a state that allows this."""


class InvalidRequest(ApiError):
    """The request has to be changed; `errors` says where."""


class RateLimited(ApiError):
    """Too many requests."""


class Unavailable(ApiError):
    """The server cannot do it at present."""


class UnexpectedAnswer(ApiError):
    """Something answers at this address, but not prompt-queue."""


_KINDS: Final[Mapping[int, type[ApiError]]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    410: NotFound,
    429: RateLimited,
    **dict.fromkeys((400, 413, 415, 421, 422), InvalidRequest),
}


def error_of(answer: Answer, request: Request) -> ApiError:
    """The exception for an answer that is not the one hoped for."""
    document = _document(answer)
    if document is None:
        return _from_elsewhere(answer, request)
    code = str(document.get("code") or answer.headers.get("x-error-code") or "unknown")
    errors = document.get("errors")
    detail = document.get("detail") or document.get("title") or "The server says no."
    return _kind(answer.status)(
        str(detail),
        code=code,
        status=answer.status,
        retryable=document.get("retryable") is True,
        request_id=_text(document.get("requestId")) or answer.headers.get("x-request-id"),
        errors=[e for e in errors if isinstance(e, Mapping)] if isinstance(errors, list) else (),
        retry_after=asked_pause(answer, document.get("retryAfterMs")),
    )


def asked_pause(answer: Answer, milliseconds: object = None) -> float | None:
    """Seconds that an answer asks to leave before the next request, or None.

    A `Retry-After` with a date is not read: nothing here goes by this machine's clock.
    """
    if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool):
        return max(0.0, milliseconds / 1000)
    text = answer.headers.get("retry-after", "").strip()
    return float(text) if _SECONDS.fullmatch(text) else None


def unexpected(answer: Answer, request: Request, why: str) -> UnexpectedAnswer:
    """The exception for a success that cannot be used."""
    return UnexpectedAnswer(
        f"{request.method} {request.path} was answered with something that is not from "
        f"prompt-queue ({why}); check base_url and what stands before the server.",
        code="unexpected_answer",
        status=answer.status,
        request_id=answer.headers.get("x-request-id"),
    )


def _from_elsewhere(answer: Answer, request: Request) -> ApiError:
    media_type = answer.headers.get("content-type", "").partition(";")[0] or "no content type"
    shown = re.sub(r"<[^>]*>|\s+", " ", answer.text).split()
    words = " ".join(shown)[:_MOST_SHOWN]
    if 300 <= answer.status < 400:
        why = f"a redirect to {answer.headers.get('location', 'nowhere')}; give base_url that way"
        return unexpected(answer, request, why)
    kind = _kind(answer.status)
    return (kind if kind is not ApiError else UnexpectedAnswer)(
        f"{request.method} {request.path} was answered by something before the server: "
        f"{media_type}, {words!r}.",
        code="not_from_the_server",
        status=answer.status,
        retryable=answer.status in _PASSING,
        request_id=answer.headers.get("x-request-id"),
        retry_after=asked_pause(answer),
    )


def _kind(status: int) -> type[ApiError]:
    return _KINDS.get(status) or (Unavailable if status >= 500 else ApiError)


def _document(answer: Answer) -> Mapping[str, Any] | None:
    if "json" not in answer.headers.get("content-type", ""):
        return None
    try:
        found = json.loads(answer.body)
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
