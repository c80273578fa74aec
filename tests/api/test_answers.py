"""What all answers have in common, and the documentation."""

import re
from importlib.resources import files

import pytest

from prompt_queue.api.problems import KINDS
from tests.api.running import QUEUE, Api


async def test_every_answer_has_an_id_and_safe_headers(api: Api) -> None:
    """Good answers and bad ones carry a request id and the security headers."""
    for path in (QUEUE, "/nowhere", f"{QUEUE}/7", "/docs", "/openapi.json"):
        reply = await api.get(path)
        assert len(reply.headers["X-Request-Id"]) == 36
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Cache-Control"] == "no-store"
        assert "Server" not in reply.headers


@pytest.mark.parametrize(
    ("offered", "taken"),
    [("trace-1.2", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ("ä", False)],
)
async def test_a_sane_request_id_is_kept(api: Api, offered: str, taken: bool) -> None:
    """The caller's id comes back in header and problem; anything odd is replaced."""
    reply = await api.get("/nowhere", headers={"X-Request-Id": offered})
    assert (reply.headers["X-Request-Id"] == offered) is taken
    assert reply.body["requestId"] == reply.headers["X-Request-Id"]


async def test_unknown_routes_and_methods_are_problems(api: Api) -> None:
    """404 and 405 of the router have the one error shape; 405 names every method."""
    missing = await api.get("/api/nothing")
    assert (missing.status, missing.body["code"]) == (404, "route_not_found")
    slash = await api.get(f"{QUEUE}/")
    assert slash.status in {404, 422}
    wrong = await api.call("PUT", QUEUE, json={})
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, POST")
    both = await api.call("PATCH", f"{QUEUE}/00000000-0000-4000-a000-000000000009", json={})
    assert both.headers["Allow"] == "DELETE, GET"


async def test_a_problem_is_complete(api: Api) -> None:
    """All members of a problem document are there, and the header mirrors the code."""
    reply = await api.get(f"{QUEUE}/7")
    assert reply.body == {
        "type": "urn:prompt-queue:problem:invalid_id",
        "title": "The id is malformed",
        "status": 422,
        "detail": "The id of a job is a UUID with hyphens, as the answer to the POST gave it.",
        "instance": f"{QUEUE}/7",
        "code": "invalid_id",
        "retryable": False,
        "requestId": reply.headers["X-Request-Id"],
        "errors": [
            {
                "parameter": "promptJobId",
                "detail": "The id of a job is a UUID with hyphens, as the answer to the POST gave "
                "it.",
            }
        ],
    }
    assert reply.headers["X-Error-Code"] == "invalid_id"


ROUTES = {
    "/api/me": {"get"},
    "/api/tickets": {"post"},
    "/api/events": {"get"},
    "/metrics": {"get"},
    "/api/jobs/{jobId}/events": {"get"},
    f"{QUEUE}/{{promptJobId}}/events": {"get"},
    "/api/prompt/queue": {"get", "post"},
    "/api/prompt/queue/jobs": {"get"},
    "/api/prompt/queue/pause": {"post"},
    "/api/prompt/queue/breaker": {"post"},
    "/api/prompt/queue/limits": {"post"},
    "/api/prompt/queue/resume": {"post"},
    "/api/prompt/queue/retry": {"post"},
    "/api/prompt/queue/{promptJobId}": {"get", "delete"},
    "/api/prompt/queue/{promptJobId}/prompt": {"put"},
    "/api/prompt/queue/{promptJobId}/retry": {"post"},
    "/api/prompt/queue/{promptJobId}/timeline": {"get"},
    "/api/jobs": {"get"},
    "/api/jobs/create": {"post"},
    "/api/jobs/{jobId}": {"get", "delete"},
    "/api/jobs/{jobId}/retry": {"post"},
    "/api/jobs/{jobId}/timeline": {"get"},
    "/api/dispatch": {"post"},
    "/api/webhooks/wavespeed/{token}": {"post"},
    "/api/webhooks/endpoints": {"get", "post"},
    "/api/webhooks/endpoints/{endpointId}": {"get", "patch", "delete"},
    "/api/webhooks/endpoints/{endpointId}/rotate-secret": {"post"},
    "/api/webhooks/endpoints/{endpointId}/test": {"post"},
    "/api/webhooks/endpoints/{endpointId}/deliveries": {"get"},
    "/api/webhooks/deliveries/{deliveryId}/replay": {"post"},
    "/api/webhooks/secret": {"get", "post"},
    "/api/rows": {"get", "post"},
    "/api/uploads": {"post"},
    "/files/{token}": {"get", "head"},
    "/samples/{name}": {"get"},
    "/api/cron/prompt-processor": {"get", "post"},
    "/api/init": {"post"},
    "/api/health": {"get"},
    "/api/health/live": {"get"},
    "/api/health/ready": {"get"},
    "/api/ops/overview": {"get"},
    "/api/ops/jobs": {"get"},
    "/api/ops/jobs/{jobId}": {"get"},
    "/api/ops/jobs/retry": {"post"},
    "/api/ops/jobs/cancel": {"post"},
    "/api/ops/jobs/hasten": {"post"},
    "/api/prompt/queue/{promptJobId}/feedback": {"get", "put", "delete"},
    "/api/jobs/{jobId}/feedback": {"get", "put", "delete"},
    "/api/ops/audit": {"get"},
    "/api/ops/users/{userId}/limits": {"get", "put", "delete"},
}


async def test_openapi_is_complete(api: Api) -> None:
    """Every route has a summary, a success, and its problems; FastAPI's own 422 never appears."""
    schema = (await api.get("/openapi.json")).body
    assert {path: set(methods) for path, methods in schema["paths"].items()} == ROUTES
    text = str(schema)
    assert "HTTPValidationError" not in text
    assert set(schema["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]) == set(
        KINDS
    )
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert any(status.startswith("2") for status in operation["responses"]), where
            problems = [
                answer["content"]["application/problem+json"]
                for status, answer in operation["responses"].items()
                if status[0] in "45"
            ]
            assert problems, where
            for problem in problems:
                assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}, where
                assert problem["examples"], where
    for path in (QUEUE, "/api/rows", "/api/uploads"):
        assert schema["paths"][path]["post"]["requestBody"]["content"]
    for reference in set(re.findall(r"#/components/schemas/(\w+)", text)):
        assert reference in schema["components"]["schemas"]


async def test_the_documentation_comes_from_this_server_alone(api: Api) -> None:
    """Nothing on the page names another host, and its policy forbids them."""
    page = await api.get("/docs")
    text = page.content.decode()
    assert "http:" not in text
    assert "https:" not in text
    assert "//" not in re.sub(r"\s", "", text).replace("</", "")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assets = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(assets) == 4
    for path in [*assets, "/favicon.ico"]:
        reply = await api.get(path)
        assert reply.status == 200, path
        assert reply.content
    ours = (files("prompt_queue") / "web/static/docs.js").read_text()
    assert "validatorUrl: null" in ours
    assert "http" not in ours
    assert (await api.get("/docs/assets/secret.txt")).status == 404
