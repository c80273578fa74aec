"""A slice of the generated requests, and proof that the judge sees what it is there for."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from lab.requests.campaign import run
from lab.requests.judging import judge
from lab.requests.world import SECRETS, Person, open_world
from schemathesis import Response

CASES = 200


async def test_a_slice_of_the_generated_requests_finds_nothing(
    database_url: str, tmp_path: Path
) -> None:
    """No undocumented answer, no crash, no right that is not there, nothing of another's."""

    def campaign() -> None:
        with open_world(database_url, tmp_path) as world:
            outcome = run(world, CASES, seed=7, seconds=120)
        assert dict(outcome.examples) == {}
        assert outcome.cases == CASES
        assert set(outcome.statuses) == {one.name for one in world.people}
        assert outcome.own > 0

    await asyncio.to_thread(campaign)


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "one thing", "version": "1"},
    "paths": {
        "/thing": {
            "post": {
                "security": [{"bearer": ["enqueue"]}],
                "responses": {
                    "200": {"description": "", "content": {"application/json": {"schema": {
                        "type": "object", "required": ["id"]}}}},
                    "404": {"description": "", "content": {"application/problem+json": {
                        "schema": {"type": "object"}}}},
                },
            }
        }
    },
}  # fmt: skip
ENVELOPE = {
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "x",
    "Content-Security-Policy": "x", "X-Request-Id": "x", "Content-Type": "application/json",
}  # fmt: skip
PROBLEM = {"Content-Type": "application/problem+json", "X-Error-Code": "x"}
USER, NOBODY = Person("user", "token"), Person("revoked", "key", is_nobody=True)
READER = Person("reader", "key", may_write=False)


def judged(
    person: Person, status: int, body: str = '{"id": 1}', **changed: str | None
) -> list[str]:
    """What the judge says of an answer to POST /thing."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    case = schema["/thing"]["POST"].Case()
    headers = ENVELOPE | {name.replace("_", "-"): value for name, value in changed.items()}
    shown = {name.lower(): [value] for name, value in headers.items() if value is not None}
    sent = requests.Request("POST", "http://127.0.0.1/thing").prepare()
    answer = Response(status, shown, body.encode(), request=sent, elapsed=0.0, verify=False)
    return judge(person, case, answer, {"canary-of-another"})


def problem(status: int, code: str = "x") -> str:
    return json.dumps({"status": status, "code": code})


def test_the_judge_has_nothing_against_good_answers() -> None:
    """A documented success, and a documented problem."""
    assert judged(USER, 200) == []
    assert judged(NOBODY, 404, problem(404), **PROBLEM) == []


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (lambda: judged(USER, 200, '{"id": "canary-of-another"}'), "told what is another's"),
        (lambda: judged(USER, 404, problem(404) + " canary-of-another", **PROBLEM), "another's"),
        (lambda: judged(USER, 200, f'{{"id": "{SECRETS["CRON_SECRET"]}"}}'), "a secret was told"),
        (lambda: judged(USER, 200, '{"id": "Traceback (most recent call last)"}'), "a traceback"),
        (lambda: judged(USER, 200, "{}"), "schema"),
        (lambda: judged(USER, 200, Content_Type="text/plain"), "Undocumented Content-Type"),
        (lambda: judged(USER, 418, problem(418), **PROBLEM), "Undocumented status code"),
        (lambda: judged(USER, 500, problem(500), **PROBLEM), "Server error"),
        (lambda: judged(USER, 404, problem(400), **PROBLEM), "no problem document"),
        (lambda: judged(USER, 404, "no", **PROBLEM), "no problem document"),
        (lambda: judged(USER, 200, X_Content_Type_Options=None), "header x-content-type-options"),
        (lambda: judged(USER, 200, Location="/\r\nSet-Cookie: a"), "a line end"),
        (lambda: judged(NOBODY, 200), "nobody was let in"),
        (lambda: judged(READER, 200), "was let write"),
    ],
)
def test_the_judge_sees(wrong: Callable[[], list[str]], found: str) -> None:
    """Each kind of wrong answer."""
    said = wrong()
    assert any(found in one for one in said), said
