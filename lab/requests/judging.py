"""What an answer may look like, by the document and by what holds for every answer."""

import json
from typing import Any

from schemathesis import Case, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lab.requests.world import SECRETS, Person

CONFORMING = [
    content_type_conformance, response_headers_conformance, response_schema_conformance,
    status_code_conformance,
]  # fmt: skip
ENVELOPE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": None,
    "cache-control": None,
    "x-request-id": None,
}
_READING = {"GET", "HEAD"}
# A ticket is made by who may read.
_READ_WITH_POST = "/api/tickets"


def judge(person: Person, case: Case[Any], response: Response, hidden: set[str]) -> list[str]:
    """A sentence for each thing that is wrong; `hidden` is what the answer may not hold."""
    return [
        *_against_the_document(case, response),
        *_envelope(response),
        *_problem(response),
        *_rights(person, case, response),
        *_told(person, response, hidden),
    ]


def _against_the_document(case: Case[Any], response: Response) -> list[str]:
    # 503 is documented where it may come, which the check of statuses sees.
    checks = [*CONFORMING, *([] if response.status_code == 503 else [not_a_server_error])]
    try:
        case.validate_response(response, checks=checks, excluded_checks=[])
    except FailureGroup as group:
        found = [one for one in group.exceptions if isinstance(one, Failure)]
        return [f"{one.title}: {one.message[:200]}" for one in found]
    return []


def _envelope(response: Response) -> list[str]:
    wrong = []
    for name, wanted in ENVELOPE.items():
        value = ", ".join(response.headers.get(name) or [])
        if not value or (wanted and value != wanted):
            wrong.append(f"header {name} is {value!r}")
    if any(c in v for vs in response.headers.values() for v in vs for c in "\r\n\0"):
        wrong.append("a header holds a line end")
    return wrong


def _problem(response: Response) -> list[str]:
    if response.status_code < 400:
        return []
    try:
        problem: Any = json.loads(response.content)
        media_type = (response.headers.get("content-type") or [""])[0]
        good = (
            media_type == "application/problem+json"
            and problem["status"] == response.status_code
            and response.headers.get("x-error-code") == [problem["code"]]
        )
    except (ValueError, KeyError, TypeError):
        # HEAD has no body to read.
        good = response.request.method == "HEAD"
    return [] if good else ["an error is no problem document"]


def _rights(person: Person, case: Case[Any], response: Response) -> list[str]:
    if not 200 <= response.status_code < 300:
        return []
    needed = case.operation.definition.raw["security"]
    if needed and person.is_nobody:
        return ["nobody was let in"]
    writes = case.method not in _READING and case.operation.path != _READ_WITH_POST
    if needed and writes and not person.may_write:
        return ["a key that may read was let write"]
    ways = {name for one in needed for name in one}
    if ways == {"cron"} and person.name != "cron secret":
        return ["who has no cron secret was let in"]
    if "cron" in ways and not person.is_operator:
        return ["who is no operator was let in"]
    return []


def _told(person: Person, response: Response, hidden: set[str]) -> list[str]:
    text = response.content.decode("utf-8", "replace") + str(response.headers)
    asked = str(response.request.url) + str(response.request.body)
    wrong = [f"a secret was told: {name}" for name, value in SECRETS.items() if value in text]
    for mark in hidden:
        if mark in text and mark not in asked:
            around = text.partition(mark)[0][-60:]
            wrong.append(f"{person.name} was told what is another's, behind {around!r}")
    if "Traceback (most recent call last)" in text:
        wrong.append("a traceback was told")
    return wrong
