"""One of everything that a user can have, made over HTTP with the user's own token."""

from dataclasses import dataclass
from typing import Any

from tests.api.running import PHOTO, QUEUE, Api
from tests.identity.conftest import bearer

HOOK = "https://receiver.example.com/hook"


@dataclass(frozen=True)
class Things:
    """Their ids."""

    row: str
    prompt_job: str
    picture_job: str
    endpoint: str
    delivery: str


async def things_of(api: Api, token: str) -> Things:
    """A row, a job of each kind, an endpoint and what it was sent."""

    async def post(path: str, body: dict[str, Any], wanted: str) -> str:
        reply = await api.post(path, json=body, headers=bearer(token))
        assert reply.status in {201, 202}, (path, reply.content)
        return str(reply.body[wanted])

    row = await post("/api/rows", {"targetUrl": PHOTO}, "rowId")
    job = {"rowId": row, "targetUrl": PHOTO}
    endpoint = await post("/api/webhooks/endpoints", {"url": HOOK}, "id")
    return Things(
        row=row,
        prompt_job=await post(QUEUE, job, "promptJobId"),
        picture_job=await post("/api/jobs/create", job | {"useAiPrompt": True}, "jobId"),
        endpoint=endpoint,
        delivery=await post(f"/api/webhooks/endpoints/{endpoint}/test", {}, "deliveryId"),
    )
