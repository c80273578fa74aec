"""What was sent to an endpoint, try by try, and sending it again."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from prompt_queue.api.auth import Enqueuer, PartsOf, Reader
from prompt_queue.api.job_list import Cursor, Limit
from prompt_queue.api.paging import (
    cursor_parameter,
    limit_parameter,
    link_to_next,
    make_cursor,
    refuse_unknown,
)
from prompt_queue.api.problems import Problem, documented
from prompt_queue.api.requests import parse_uuid
from prompt_queue.api.views import answer
from prompt_queue.api.webhook_endpoints import EndpointId, disabled, endpoint_id_of
from prompt_queue.api.webhook_schemas import DeliveryPage, DeliveryView, Sending, TryView
from prompt_queue.store.webhook_store import Delivery

router = APIRouter(tags=["webhooks"])
_ALWAYS = (
    "unauthorized", "forbidden", "identity_unavailable", "database_unavailable", "schema_behind",
    "misdirected_host",
)  # fmt: skip

DeliveryId = Annotated[
    str,
    Path(
        alias="deliveryId", description="Id of the delivery.", json_schema_extra={"format": "uuid"}
    ),
]


@router.get(
    "/api/webhooks/endpoints/{endpointId}/deliveries",
    summary="What was sent to an endpoint",
    response_model=DeliveryPage,
    responses=documented(*_ALWAYS, "endpoint_not_found", "invalid_id", "invalid_parameter"),
)
async def list_deliveries(
    endpoint_id: EndpointId,
    request: Request,
    parts: PartsOf,
    caller: Reader,
    *,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Newest first; go on with the Link header or with `nextCursor`."""
    refuse_unknown(request.query_params, ("limit", "cursor"))
    size = limit_parameter(limit)
    wanted = endpoint_id_of(endpoint_id)
    if await parts.webhook_store.find(wanted, caller.user_id) is None:
        raise Problem("endpoint_not_found", f"There is no endpoint {wanted} that you may see.")
    found = await parts.webhook_store.deliveries(wanted, size + 1, cursor_parameter(cursor))
    page, more = found[:size], len(found) > size
    next_cursor = make_cursor((page[-1].created_at, page[-1].id)) if more else None
    body = DeliveryPage(data=[_view(one) for one in page], has_more=more, next_cursor=next_cursor)
    chosen = {k: v for k, v in request.query_params.items() if k != "cursor"}
    here = f"{parts.base_url}/api/webhooks/endpoints/{wanted}/deliveries"
    return answer(body, 200, link_to_next(here, chosen, next_cursor))


@router.post(
    "/api/webhooks/deliveries/{deliveryId}/replay",
    summary="Send a delivery again",
    status_code=202,
    response_model=Sending,
    responses=documented(
        *_ALWAYS, "cross_origin", "delivery_not_found", "invalid_id", "endpoint_disabled",
        "unsupported_media_type",
    ),
)  # fmt: skip
async def replay(delivery_id: DeliveryId, parts: PartsOf, caller: Enqueuer) -> Response:
    """Under the same webhook-id, with all its tries; one that waits is sent at once."""
    wanted = _delivery_id_of(delivery_id)
    outcome = await parts.webhook_store.replay(wanted, caller.user_id)
    if outcome == "not_found":
        raise Problem("delivery_not_found", f"There is no delivery {wanted} that you may see.")
    if outcome == "disabled":
        raise disabled()
    return answer(Sending(delivery_id=wanted), 202)


def _delivery_id_of(text: str) -> UUID:
    found = parse_uuid(text)
    if found is None:
        detail = "The id of a delivery is a UUID with hyphens."
        raise Problem("invalid_id", detail, errors=[{"parameter": "deliveryId", "detail": detail}])
    return found


def _view(delivery: Delivery) -> DeliveryView:
    names = DeliveryView.model_fields.keys() - {"last_tries"}
    values = {name: getattr(delivery, name) for name in names}
    tries = [
        TryView.model_validate({name: getattr(one, name) for name in TryView.model_fields})
        for one in delivery.last_tries
    ]
    return DeliveryView.model_validate(values | {"last_tries": tries})
