"""Everything that can go wrong over HTTP, as RFC 9457 problem documents."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:prompt-queue:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """One class of problem. `retryable`: the same request may work later, unchanged."""

    status: int
    title: str
    retryable: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    "malformed_json": Kind(400, "The body is not valid JSON"),
    "unauthorized": Kind(401, "The credentials are missing or wrong"),
    "bad_signature": Kind(401, "The webhook is not signed by the provider"),
    "forbidden": Kind(403, "The credentials do not allow this"),
    "cross_origin": Kind(403, "Pages of other sites may not write here"),
    "route_not_found": Kind(404, "There is no such route"),
    "row_not_found": Kind(404, "There is no such row"),
    "model_not_found": Kind(404, "There is no such model"),
    "job_not_found": Kind(404, "There is no such job"),
    "picture_not_found": Kind(404, "There is no such picture"),
    "endpoint_not_found": Kind(404, "There is no such endpoint"),
    "delivery_not_found": Kind(404, "There is no such delivery"),
    "feedback_not_found": Kind(404, "Nothing is thought of it yet"),
    "method_not_allowed": Kind(405, "The route does not know this method"),
    "body_timeout": Kind(408, "The body did not arrive in time", retryable=True),
    "already_final": Kind(409, "The job has ended already"),
    "nothing_yet": Kind(409, "There is nothing to judge yet"),
    "not_failed": Kind(409, "Only a failed job can be retried"),
    "endpoint_disabled": Kind(409, "The endpoint is disabled"),
    "too_many_endpoints": Kind(409, "There are as many endpoints as may be"),
    "row_refused": Kind(409, "The database refuses the row"),
    "link_expired": Kind(410, "The link has expired"),
    "body_too_large": Kind(413, "The body is too large"),
    "unsupported_media_type": Kind(415, "The body has the wrong type"),
    "misdirected_host": Kind(421, "This server does not answer under that name"),
    "invalid_request": Kind(422, "The request cannot be used as it is"),
    "invalid_id": Kind(422, "The id is malformed"),
    "invalid_parameter": Kind(422, "A parameter cannot be used as it is"),
    "idempotency_key_reused": Kind(422, "The idempotency key belongs to another request"),
    "picture_refused": Kind(422, "The picture cannot be used"),
    "too_many_requests": Kind(429, "You ask more often than you may", retryable=True),
    "too_many_queued": Kind(429, "As many of your jobs are open as may be", retryable=True),
    "too_many_pictures": Kind(429, "You have asked for as many pictures as a day allows", True),
    "too_many_streams": Kind(429, "As many of your streams are open as may be", retryable=True),
    "internal_error": Kind(500, "Something went wrong on our side"),
    "cron_disabled": Kind(503, "The cron routes are switched off"),
    "no_provider": Kind(503, "No provider key is configured"),
    "no_picture_provider": Kind(503, "No key for pictures is configured"),
    "queue_full": Kind(503, "The queue takes no more for now", retryable=True),
    "schema_behind": Kind(503, "The database schema does not fit this version"),
    "identity_unavailable": Kind(503, "Tokens cannot be checked", retryable=True),
    "database_unavailable": Kind(503, "The database cannot be reached", retryable=True),
}


class Problem(Exception):
    """An answer that is not the one hoped for; `detail` is a sentence that says what to do.

    `errors` are objects with `detail` and where: a JSON `pointer`, a `parameter` or a `header`.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.kind = KINDS[code]
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.retry_after = retry_after


def problem_response(problem: Problem, instance: str, request_id: str) -> Response:
    """The document; `instance` is the path of the request, `retry_after` is in seconds."""
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + problem.code,
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": instance,
        "code": problem.code,
        "retryable": problem.kind.retryable,
        "requestId": request_id,
    }
    headers = problem.headers | {"X-Error-Code": problem.code}
    if problem.retry_after is not None:
        body["retryAfterMs"] = problem.retry_after * 1000
        headers["Retry-After"] = str(problem.retry_after)
    if problem.errors:
        body["errors"] = [dict(error) for error in problem.errors]
    return Response(json.dumps(body), problem.kind.status, media_type=MEDIA_TYPE, headers=headers)


def database_away() -> Problem:
    """The answer while the database cannot be reached."""
    return Problem(
        "database_unavailable",
        "The database cannot be reached at the moment; try again shortly. A request that changes "
        "something may have counted: repeat it with the same Idempotency-Key, or look first.",
        retry_after=2,
    )


def schema_does_not_fit() -> Problem:
    """The answer while the database lacks tables, columns or functions that we need."""
    return Problem(
        "schema_behind",
        "The database schema does not fit this version; run `prompt-queue migrate`, then "
        "`prompt-queue doctor`.",
    )


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` argument of a route that can answer with these problems."""
    by_status: dict[int | str, dict[str, Any]] = {}
    # Whoever is identified is counted.
    counted = ("too_many_requests",) if "identity_unavailable" in codes else ()
    for code in (*codes, *counted, "internal_error"):
        kind = KINDS[code]
        described = by_status.setdefault(
            kind.status,
            {
                "description": kind.title,
                "content": {
                    MEDIA_TYPE: {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "examples": {},
                    }
                },
            },
        )
        described["content"][MEDIA_TYPE]["examples"][code] = {
            "summary": kind.title,
            "value": {
                "type": TYPE_PREFIX + code,
                "title": kind.title,
                "status": kind.status,
                "detail": "A sentence that says what is wrong and what to do.",
                "instance": "/api/prompt/queue",
                "code": code,
                "retryable": kind.retryable,
                "requestId": "01985f3c-8a52-7c11-9d0e-3c1f5a7b9d20",
            },
        }
    return by_status


PROBLEM_SCHEMA: Final[Mapping[str, Any]] = {
    "title": "Problem",
    "type": "object",
    "description": "RFC 9457 problem details. `code` is mirrored in the header X-Error-Code.",
    "required": [
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "code",
        "retryable",
        "requestId",
    ],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence that a person understands."},
        "instance": {"type": "string", "description": "The path of the request."},
        "code": {"type": "string", "enum": sorted(KINDS)},
        "retryable": {
            "type": "boolean",
            "description": "The same request may work later, unchanged.",
        },
        "retryAfterMs": {"type": "integer", "minimum": 0},
        "requestId": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": "JSON pointer into the body."},
                    "parameter": {"type": "string", "description": "Name in the path or query."},
                    "header": {"type": "string"},
                },
            },
        },
    },
}
