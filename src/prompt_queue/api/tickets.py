"""Tickets: one job to read, for clients that can send no header, such as EventSource."""

from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator, Field, model_validator

from prompt_queue.api import request_base
from prompt_queue.api.auth import PartsOf, Reader
from prompt_queue.api.bodies import documented_body, json_body
from prompt_queue.api.job_ids import no_such_job
from prompt_queue.api.problems import documented
from prompt_queue.api.requests import or_none, read_uuid
from prompt_queue.api.schemas import Answer
from prompt_queue.api.views import answer
from prompt_queue.guards.tickets import MOST_SECONDS, Ticket

router = APIRouter(tags=["identity"])
_Id = Annotated[UUID | None, BeforeValidator(or_none(read_uuid))]


class TicketRequest(request_base.Request):
    """Which job, of prompts or of pictures, and for how many seconds."""

    prompt_job_id: _Id = None
    job_id: _Id = None
    seconds: int = Field(default=60, ge=1, le=MOST_SECONDS)

    @model_validator(mode="after")
    def _names_one_job(self) -> Self:
        if (self.prompt_job_id is None) is (self.job_id is None):
            raise request_base.complain("A ticket is for one job: give promptJobId or jobId.")
        return self


class TicketView(Answer):
    """The ticket goes into `?ticket=` of the job's own address and of its `/events`."""

    ticket: str
    expires_at: datetime


@router.post(
    "/api/tickets",
    summary="Get a ticket for one job",
    status_code=201,
    response_model=TicketView,
    responses=documented(
        "malformed_json", "body_too_large", "unsupported_media_type", "body_timeout",
        "invalid_request", "job_not_found", "unauthorized", "forbidden", "identity_unavailable",
        "invalid_parameter", "database_unavailable", "schema_behind", "misdirected_host",
        "cross_origin",
    ),
    openapi_extra=documented_body(TicketRequest),
)  # fmt: skip
async def make_ticket(request: Request, parts: PartsOf, caller: Reader) -> Response:
    """It shows the state and the events of a job of yours, and nothing else, until it is over."""
    wanted = await json_body(request, TicketRequest)
    job_id = wanted.prompt_job_id or wanted.job_id
    assert job_id is not None  # noqa: S101 - one of them is there, or the body was refused
    if wanted.job_id is None:
        found = await parts.prompt_store.find_job(job_id, caller.user_id) is not None
    else:
        found = bool(await parts.picture_store.find(job_id, caller.user_id))
    if not found:
        raise no_such_job(job_id)
    ends = int(await parts.clock.now()) + wanted.seconds
    ticket = parts.tickets.write(Ticket(job_id, caller.user_id, ends))
    return answer(TicketView(ticket=ticket, expires_at=datetime.fromtimestamp(ends, UTC)), 201)
