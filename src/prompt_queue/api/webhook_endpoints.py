"""Where a user is told of results: make, look, change, forget, rotate, test."""

from typing import Annotated, Any, NoReturn
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from prompt_queue.api.auth import Enqueuer, PartsOf, Reader
from prompt_queue.api.bodies import documented_body, json_body
from prompt_queue.api.callers import Caller
from prompt_queue.api.problems import Problem, documented
from prompt_queue.api.requests import parse_uuid
from prompt_queue.api.views import answer
from prompt_queue.api.webhook_schemas import (
    EndpointChange,
    EndpointList,
    EndpointRequest,
    EndpointView,
    NewEndpointView,
    SecretState,
    SecretView,
    Sending,
)
from prompt_queue.api.webhook_urls import usable_url
from prompt_queue.store.webhook_store import Endpoint
from prompt_queue.telemetry import Event, log

router = APIRouter(tags=["webhooks"])
_BODY = ("malformed_json", "body_too_large", "unsupported_media_type", "body_timeout")
_ALWAYS = (
    "unauthorized", "forbidden", "identity_unavailable", "database_unavailable", "schema_behind",
    "misdirected_host",
)  # fmt: skip
_WRITE = (*_ALWAYS, "cross_origin")
_ONE = ("endpoint_not_found", "invalid_id")

EndpointId = Annotated[
    str,
    Path(
        alias="endpointId", description="Id of the endpoint.", json_schema_extra={"format": "uuid"}
    ),
]


@router.post(
    "/api/webhooks/endpoints",
    summary="Be told of all results at an address",
    status_code=201,
    response_model=NewEndpointView,
    responses=documented(*_BODY, *_WRITE, "invalid_request", "too_many_endpoints"),
    openapi_extra=documented_body(EndpointRequest),
)
async def create_endpoint(request: Request, parts: PartsOf, caller: Enqueuer) -> Response:
    """The answer shows the secret, once."""
    wanted = await json_body(request, EndpointRequest)
    url = usable_url(parts, wanted.url, "url")
    made = await parts.webhook_store.create(caller.user_id, url, wanted.events, wanted.description)
    if made is None:
        raise Problem("too_many_endpoints", "You have 20 endpoints already; delete one first.")
    _note("created", made.id, caller)
    here = {"Location": f"{parts.base_url}/api/webhooks/endpoints/{made.id}"}
    return answer(NewEndpointView(**_view(made).model_dump(), secret=made.secret), 201, here)


@router.get(
    "/api/webhooks/endpoints",
    summary="List your endpoints",
    response_model=EndpointList,
    responses=documented(*_ALWAYS),
)
async def list_endpoints(parts: PartsOf, caller: Reader) -> Response:
    """Oldest first, without secrets."""
    found = await parts.webhook_store.endpoints(caller.user_id)
    return answer(EndpointList(data=[_view(one) for one in found]))


@router.get(
    "/api/webhooks/endpoints/{endpointId}",
    summary="Look at an endpoint",
    response_model=EndpointView,
    responses=documented(*_ALWAYS, *_ONE),
)
async def read_endpoint(endpoint_id: EndpointId, parts: PartsOf, caller: Reader) -> Response:
    """Whether it is active, and why not."""
    wanted = endpoint_id_of(endpoint_id)
    found = await parts.webhook_store.find(wanted, caller.user_id)
    return answer(_view(found or _missing(wanted)))


@router.patch(
    "/api/webhooks/endpoints/{endpointId}",
    summary="Change an endpoint, disable it, or let it go on",
    response_model=EndpointView,
    responses=documented(*_BODY, *_WRITE, *_ONE, "invalid_request"),
    openapi_extra=documented_body(EndpointChange),
)
async def change_endpoint(
    endpoint_id: EndpointId, request: Request, parts: PartsOf, caller: Enqueuer
) -> Response:
    """Only what the body names. What waits for an endpoint that is disabled is not sent."""
    wanted = endpoint_id_of(endpoint_id)
    change = await json_body(request, EndpointChange)
    named: dict[str, Any] = change.model_dump(mode="json", include=change.model_fields_set)
    if named.get("url"):
        named["url"] = usable_url(parts, named["url"], "url")
    found = await parts.webhook_store.change(wanted, named, caller.user_id) or _missing(wanted)
    _note("changed", wanted, caller, fields=sorted(named))
    return answer(_view(found))


@router.delete(
    "/api/webhooks/endpoints/{endpointId}",
    summary="Forget an endpoint",
    status_code=204,
    responses=documented(*_WRITE, *_ONE),
)
async def delete_endpoint(endpoint_id: EndpointId, parts: PartsOf, caller: Enqueuer) -> Response:
    """With everything that waits for it, and its deliveries."""
    wanted = endpoint_id_of(endpoint_id)
    if not await parts.webhook_store.delete(wanted, caller.user_id):
        _missing(wanted)
    _note("deleted", wanted, caller)
    return Response(status_code=204)


@router.post(
    "/api/webhooks/endpoints/{endpointId}/rotate-secret",
    summary="Give an endpoint a new secret",
    response_model=SecretView,
    responses=documented(*_WRITE, *_ONE, "unsupported_media_type"),
)
async def rotate_secret(endpoint_id: EndpointId, parts: PartsOf, caller: Enqueuer) -> Response:
    """For a day both secrets sign; the new one is shown here and not again."""
    wanted = endpoint_id_of(endpoint_id)
    made = await parts.webhook_store.rotate(wanted, caller.user_id)
    if made is None:
        _missing(wanted)
    _note("new_secret", wanted, caller)
    return answer(SecretView(secret=made.secret, old_secret_until=made.old_secret_until))


@router.post(
    "/api/webhooks/endpoints/{endpointId}/test",
    summary="Send a test to an endpoint",
    status_code=202,
    response_model=Sending,
    responses=documented(*_WRITE, *_ONE, "endpoint_disabled", "unsupported_media_type"),
)
async def test_endpoint(endpoint_id: EndpointId, parts: PartsOf, caller: Enqueuer) -> Response:
    """A message of type endpoint.test, whatever types the endpoint wants."""
    wanted = endpoint_id_of(endpoint_id)
    sent = await parts.webhook_store.test(wanted, caller.user_id)
    if sent is None:
        if await parts.webhook_store.find(wanted, caller.user_id) is None:
            _missing(wanted)
        raise disabled()
    return answer(Sending(delivery_id=sent), 202)


@router.get(
    "/api/webhooks/secret",
    summary="Is there a secret for webhooks of single requests",
    response_model=SecretState,
    responses=documented(*_ALWAYS),
)
async def read_secret(parts: PartsOf, caller: Reader) -> Response:
    """It is made with the first request that asks for a webhook, and never shown here."""
    found = await parts.webhook_store.secret_since(caller.user_id)
    created_at, until = found or (None, None)
    return answer(
        SecretState(exists=found is not None, created_at=created_at, old_secret_until=until)
    )


@router.post(
    "/api/webhooks/secret",
    summary="Make a secret for webhooks of single requests",
    response_model=SecretView,
    responses=documented(*_WRITE, "unsupported_media_type"),
)
async def make_secret(parts: PartsOf, caller: Enqueuer) -> Response:
    """Shown here and not again. Where there was one, both sign for a day."""
    made = await parts.webhook_store.rotate(None, caller.user_id)
    assert made is not None  # noqa: S101 - without an endpoint it always makes one
    _note("new_secret", None, caller)
    return answer(SecretView(secret=made.secret, old_secret_until=made.old_secret_until))


def endpoint_id_of(text: str) -> UUID:
    """The id in a path. Raises Problem."""
    found = parse_uuid(text)
    if found is None:
        detail = "The id of an endpoint is a UUID with hyphens."
        raise Problem("invalid_id", detail, errors=[{"parameter": "endpointId", "detail": detail}])
    return found


def disabled() -> Problem:
    """The endpoint gets nothing."""
    return Problem(
        "endpoint_disabled", "The endpoint is disabled; PATCH it with state active first."
    )


def _note(act: str, endpoint: UUID | None, caller: Caller, **more: Any) -> None:
    log(Event.WEBHOOK_ENDPOINT_CHANGED, act=act, endpoint=endpoint, actor=caller.actor, **more)


def _missing(endpoint_id: UUID) -> NoReturn:
    """The same words for one that never was and for somebody else's."""
    raise Problem("endpoint_not_found", f"There is no endpoint {endpoint_id} that you may see.")


def _view(endpoint: Endpoint) -> EndpointView:
    values = {name: getattr(endpoint, name) for name in EndpointView.model_fields}
    return EndpointView.model_validate(values | {"events": list(endpoint.events)})
