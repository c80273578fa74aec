"""Webhooks of the picture provider: a signed hint that there is news, believed no further."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from prompt_queue.api.auth import PartsOf
from prompt_queue.api.bodies import read_capped
from prompt_queue.api.problems import Problem, documented
from prompt_queue.api.schemas import Heard
from prompt_queue.api.views import answer
from prompt_queue.guards.callbacks import CALLBACK_PATH, is_signed
from prompt_queue.jobs.plain_text import LONGEST_NAME, plain_name

router = APIRouter(tags=["operation"])
MOST_BYTES = 1024 * 1024


@router.post(
    CALLBACK_PATH + "{token}",
    summary="For WaveSpeed: a picture has news",
    response_model=Heard,
    responses=documented(
        "bad_signature", "route_not_found", "malformed_json", "body_too_large", "body_timeout",
        "database_unavailable", "schema_behind", "misdirected_host", "no_picture_provider",
    ),
)  # fmt: skip
async def hear(
    token: Annotated[str, Path(description="Our own name for the submit.")],
    request: Request,
    parts: PartsOf,
) -> Response:
    """The signature is checked over the raw body; the picture is then asked for with our key."""
    call_id = parts.callbacks.read(token)
    if call_id is None:
        raise Problem("route_not_found", "There is nothing here; /docs lists the routes.")
    secret = await parts.webhook_secret()
    if secret is None:
        raise Problem("no_picture_provider", "Nothing is known to check the signature with.")
    body = await read_capped(request, MOST_BYTES)
    webhook_id = request.headers.get("webhook-id", "")[:LONGEST_NAME]
    signed = is_signed(
        secret,
        webhook_id,
        request.headers.get("webhook-timestamp", ""),
        body,
        signature=request.headers.get("webhook-signature", ""),
        now=await parts.clock.now(),
    )
    if not signed:
        raise Problem("bad_signature", "The signature does not fit the body, or is too old.")
    prediction_id = _prediction_id(body)
    return answer(Heard(answer=await parts.picture_store.hint(call_id, prediction_id, webhook_id)))


def _prediction_id(body: bytes) -> str:
    try:
        document: Any = json.loads(body)
        found = document["id"]
    except (ValueError, RecursionError, TypeError, KeyError):
        found = None
    name = plain_name(found)
    if name is None or name != found:
        raise Problem("malformed_json", "The body has no id of a prediction.")
    return name
