"""Who may do what: every route, and what each of twelve identities is answered there.

A route that is not in this table fails the suite: say first who may call it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import uuid4

from tests.api.running import PHOTO, QUEUE
from tests.identity.things import HOOK, Things


class Identity(StrEnum):
    """Everybody who may come."""

    NOBODY = "no token"
    ANON = "anon key JWT"
    USER_A = "user A"
    USER_B = "user B"
    EXPIRED = "expired"
    WRONG_AUDIENCE = "wrong aud"
    WRONG_ISSUER = "wrong iss"
    SERVICE = "service role"
    CRON = "cron secret"
    WRONG_CRON = "wrong cron secret"
    REVOKED = "revoked key"
    ADMIN = "admin"


class Access(StrEnum):
    """What a route asks for."""

    PUBLIC = "public"
    OWN = "one's own"
    ANY = "any credentials"
    OPERATOR = "operators"
    CRON = "the cron secret"


@dataclass(frozen=True)
class Route:
    """What is asked for, and a request that user A may make. `foreign`: it names a thing of A's."""

    access: Access
    path: str = ""
    body: Any = None
    foreign: bool = False


PASS = "pass"
LIKED = {"verdict": "up"}
DENIED, FORBIDDEN, MISSING = "401", "403", "404"
_EVERYBODY = dict.fromkeys(Identity, PASS)
_NOBODY = dict.fromkeys(Identity, DENIED)

EXPECTED: Mapping[Access, Mapping[Identity, str]] = {
    Access.PUBLIC: _EVERYBODY,
    Access.ANY: _NOBODY | dict.fromkeys((Identity.USER_A, Identity.USER_B, Identity.ADMIN), PASS),
    Access.OWN: _NOBODY | dict.fromkeys((Identity.USER_A, Identity.USER_B, Identity.ADMIN), PASS),
    Access.OPERATOR: _NOBODY
    | dict.fromkeys((Identity.USER_A, Identity.USER_B), FORBIDDEN)
    | dict.fromkeys((Identity.CRON, Identity.ADMIN), PASS),
    Access.CRON: _NOBODY | {Identity.CRON: PASS},
}


def expected(route: Route, identity: Identity) -> str:
    """`pass`, or the status; what is user A's is not there for user B, nor for an admin."""
    answer = EXPECTED[route.access][identity]
    if answer == PASS and route.foreign and identity is not Identity.USER_A:
        return MISSING
    return answer


def routes(things: Things) -> dict[tuple[str, str], Route]:
    """The table, with the ids of what user A has."""
    job, picture = things.prompt_job, things.picture_job
    endpoint = f"/api/webhooks/endpoints/{things.endpoint}"
    asked = {"rowId": things.row, "targetUrl": PHOTO}
    own, public = Route(Access.OWN), Route(Access.PUBLIC)

    def theirs(path: str, body: Any = None) -> Route:
        return Route(Access.OWN, path, body, foreign=True)

    def operators(body: Any = None) -> Route:
        return Route(Access.OPERATOR, body=body)

    return {
        ("POST", QUEUE): theirs(QUEUE, asked),
        ("GET", QUEUE): own,
        ("GET", f"{QUEUE}/jobs"): own,
        ("GET", f"{QUEUE}/{{promptJobId}}"): theirs(f"{QUEUE}/{job}"),
        ("GET", f"{QUEUE}/{{promptJobId}}/events"): theirs(f"{QUEUE}/{job}/events"),
        ("GET", f"{QUEUE}/{{promptJobId}}/timeline"): theirs(f"{QUEUE}/{job}/timeline"),
        ("POST", f"{QUEUE}/{{promptJobId}}/retry"): theirs(f"{QUEUE}/{job}/retry"),
        ("PUT", f"{QUEUE}/{{promptJobId}}/prompt"): theirs(
            f"{QUEUE}/{job}/prompt", {"prompt": "Blue."}
        ),
        ("DELETE", f"{QUEUE}/{{promptJobId}}"): theirs(f"{QUEUE}/{job}"),
        ("POST", f"{QUEUE}/retry"): Route(Access.OWN, body={}),
        ("POST", f"{QUEUE}/pause"): operators({}),
        ("POST", f"{QUEUE}/resume"): operators({}),
        ("POST", f"{QUEUE}/breaker"): operators({"model": "grok-4.7", "state": "closed"}),
        ("POST", f"{QUEUE}/limits"): operators({"model": "grok-4.7", "requestsPerSecond": 9}),
        ("POST", "/api/jobs/create"): theirs("/api/jobs/create", asked | {"useAiPrompt": True}),
        ("GET", "/api/jobs"): own,
        ("GET", "/api/jobs/{jobId}"): theirs(f"/api/jobs/{picture}"),
        ("GET", "/api/jobs/{jobId}/events"): theirs(f"/api/jobs/{picture}/events"),
        ("PUT", f"{QUEUE}/{{promptJobId}}/feedback"): theirs(f"{QUEUE}/{job}/feedback", LIKED),
        ("GET", f"{QUEUE}/{{promptJobId}}/feedback"): theirs(f"{QUEUE}/{job}/feedback"),
        ("DELETE", f"{QUEUE}/{{promptJobId}}/feedback"): theirs(f"{QUEUE}/{job}/feedback"),
        ("PUT", "/api/jobs/{jobId}/feedback"): theirs(f"/api/jobs/{picture}/feedback", LIKED),
        ("GET", "/api/jobs/{jobId}/feedback"): theirs(f"/api/jobs/{picture}/feedback"),
        ("DELETE", "/api/jobs/{jobId}/feedback"): theirs(f"/api/jobs/{picture}/feedback"),
        ("GET", "/api/jobs/{jobId}/timeline"): theirs(f"/api/jobs/{picture}/timeline"),
        ("POST", "/api/jobs/{jobId}/retry"): theirs(f"/api/jobs/{picture}/retry"),
        ("DELETE", "/api/jobs/{jobId}"): theirs(f"/api/jobs/{picture}"),
        ("GET", "/api/events"): own,
        ("POST", "/api/rows"): Route(Access.OWN, body={}),
        ("GET", "/api/rows"): own,
        ("POST", "/api/uploads"): Route(Access.OWN, body=b"no picture"),
        ("GET", "/api/me"): Route(Access.ANY),
        ("POST", "/api/tickets"): theirs("/api/tickets", {"promptJobId": job}),
        ("POST", "/api/webhooks/endpoints"): Route(Access.OWN, body={"url": HOOK}),
        ("GET", "/api/webhooks/endpoints"): own,
        ("GET", "/api/webhooks/endpoints/{endpointId}"): theirs(endpoint),
        ("PATCH", "/api/webhooks/endpoints/{endpointId}"): theirs(endpoint, {"description": "x"}),
        ("POST", "/api/webhooks/endpoints/{endpointId}/rotate-secret"): theirs(
            f"{endpoint}/rotate-secret"
        ),
        ("POST", "/api/webhooks/endpoints/{endpointId}/test"): theirs(f"{endpoint}/test"),
        ("GET", "/api/webhooks/endpoints/{endpointId}/deliveries"): theirs(
            f"{endpoint}/deliveries"
        ),
        ("POST", "/api/webhooks/deliveries/{deliveryId}/replay"): theirs(
            f"/api/webhooks/deliveries/{things.delivery}/replay"
        ),
        ("DELETE", "/api/webhooks/endpoints/{endpointId}"): theirs(endpoint),
        ("GET", "/api/webhooks/secret"): own,
        ("POST", "/api/webhooks/secret"): own,
        ("GET", "/api/ops/overview"): operators(),
        ("GET", "/api/ops/jobs"): operators(),
        ("GET", "/api/ops/users/{userId}/limits"): operators(),
        ("PUT", "/api/ops/users/{userId}/limits"): operators({"queued": 100}),
        ("DELETE", "/api/ops/users/{userId}/limits"): operators(),
        ("GET", "/api/ops/jobs/{jobId}"): Route(Access.OPERATOR, f"/api/ops/jobs/{job}"),
        ("GET", "/api/ops/audit"): operators(),
        ("POST", "/api/ops/jobs/retry"): operators({"ids": [job], "reason": "a test"}),
        ("POST", "/api/ops/jobs/cancel"): operators({"ids": [str(uuid4())], "reason": "a test"}),
        ("POST", "/api/ops/jobs/hasten"): operators({"ids": [str(uuid4())], "reason": "a test"}),
        ("POST", "/api/init"): operators(),
        ("GET", "/metrics"): operators(),
        ("GET", "/api/health"): operators(),
        ("GET", "/api/cron/prompt-processor"): Route(Access.CRON),
        ("POST", "/api/cron/prompt-processor"): Route(Access.CRON),
        ("POST", "/api/dispatch"): Route(Access.CRON),
        # By signature, by a signed link, or for everybody.
        ("POST", "/api/webhooks/wavespeed/{token}"): public,
        ("GET", "/files/{token}"): public,
        ("HEAD", "/files/{token}"): public,
        ("GET", "/samples/{name}"): public,
        ("GET", "/api/health/live"): public,
        ("GET", "/api/health/ready"): public,
        ("GET", "/"): public,
        ("GET", "/docs"): public,
        ("GET", "/docs/assets/{name}"): public,
        ("GET", "/ops"): public,
        ("GET", "/ops/{view:path}"): public,
        ("GET", "/design"): public,
        ("GET", "/static/{edition}/{path:path}"): public,
        ("GET", "/prompt-queue.js"): public,
        ("GET", "/prompt-queue-generate.js"): public,
        ("GET", "/favicon.ico"): public,
        ("GET", "/openapi.json"): public,
        ("HEAD", "/openapi.json"): public,
    }


def filled(path: str) -> str:
    """A path without parameters; those that are left name nothing that is there."""
    return re.sub(r"\{[\w:]+\}", lambda _: str(uuid4()), path)
