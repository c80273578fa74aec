"""What users think of their prompts and pictures: a thumb, a reason, a few words."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator, Field

from prompt_queue.api.auth import Enqueuer, PartsOf, Reader
from prompt_queue.api.bodies import documented_body, json_body
from prompt_queue.api.callers import Caller
from prompt_queue.api.job_ids import JobId, PictureJobId, job_id_of, no_such_job
from prompt_queue.api.parts import Parts
from prompt_queue.api.picture_requests import MOST_PICTURES
from prompt_queue.api.problems import Problem, documented
from prompt_queue.api.request_base import Request as Body
from prompt_queue.api.request_base import complain
from prompt_queue.api.requests import read_words
from prompt_queue.api.schemas import FeedbackView
from prompt_queue.api.views import answer
from prompt_queue.jobs.feedback import Reason, Verdict
from prompt_queue.store.feedback_store import THE_PROMPT

MOST_CHARACTERS: Final = 500
router = APIRouter()
_ALWAYS = ("unauthorized", "forbidden", "identity_unavailable", "database_unavailable",
           "schema_behind", "misdirected_host", "job_not_found", "invalid_id")  # fmt: skip
_WRITE = (*_ALWAYS, "cross_origin")
_PUT = (*_WRITE, "malformed_json", "body_too_large", "unsupported_media_type", "body_timeout",
        "invalid_request", "nothing_yet")  # fmt: skip


def _read_verdict(value: object) -> object:
    if value not in set(Verdict):
        raise complain("verdict must be up or down; DELETE withdraws it.")
    return value


def _read_reason(value: object) -> object:
    if value is not None and value not in set(Reason):
        raise complain(f"reason must be one of {', '.join(Reason)}, or be left out.")
    return value


class FeedbackRequest(Body):
    """What you think, and why."""

    verdict: Annotated[Verdict, BeforeValidator(_read_verdict)] = Field(description="up or down")
    reason: Annotated[Reason | None, BeforeValidator(_read_reason)] = Field(
        default=None, description="Why, in one word."
    )
    text: Annotated[str | None, BeforeValidator(read_words)] = Field(
        default=None, max_length=MOST_CHARACTERS, description="Why, in your own words."
    )


Number = Annotated[
    str | None,
    Query(
        description=f"Which picture of the job, 1 to {MOST_PICTURES}; 1 by default.",
        json_schema_extra={"format": "number"},
    ),
]


@router.put(
    "/api/prompt/queue/{promptJobId}/feedback",
    tags=["prompts"],
    summary="Say what you think of a prompt",
    response_model=FeedbackView,
    responses=documented(*_PUT),
    openapi_extra=documented_body(FeedbackRequest),
)
async def judge_prompt(
    request: Request, job_id: JobId, parts: PartsOf, caller: Enqueuer
) -> Response:
    """In the place of what you said before. May be repeated."""
    return await _note(request, parts, caller, job_id_of(job_id), THE_PROMPT)


@router.get(
    "/api/prompt/queue/{promptJobId}/feedback",
    tags=["prompts"],
    summary="What you think of a prompt",
    response_model=FeedbackView,
    responses=documented(*_ALWAYS, "feedback_not_found"),
)
async def read_of_prompt(job_id: JobId, parts: PartsOf, caller: Reader) -> Response:
    """The job's own `feedback` says the same."""
    found = job_id_of(job_id)
    if await parts.prompt_store.find_job(found, caller.user_id) is None:
        raise no_such_job(found)
    return await _read(parts, caller, found, THE_PROMPT)


@router.delete(
    "/api/prompt/queue/{promptJobId}/feedback",
    tags=["prompts"],
    summary="Withdraw what you said of a prompt",
    status_code=204,
    responses=documented(*_WRITE),
)
async def withdraw_of_prompt(job_id: JobId, parts: PartsOf, caller: Enqueuer) -> Response:
    """May be repeated."""
    return await _withdraw(parts, caller, job_id_of(job_id), THE_PROMPT)


@router.put(
    "/api/jobs/{jobId}/feedback",
    tags=["pictures"],
    summary="Say what you think of a picture",
    response_model=FeedbackView,
    responses=documented(*_PUT, "invalid_parameter"),
    openapi_extra=documented_body(FeedbackRequest),
)
async def judge_picture(
    request: Request, job_id: PictureJobId, parts: PartsOf, caller: Enqueuer, number: Number = None
) -> Response:
    """In the place of what you said before. May be repeated."""
    return await _note(request, parts, caller, job_id_of(job_id, "jobId"), _which(number))


@router.get(
    "/api/jobs/{jobId}/feedback",
    tags=["pictures"],
    summary="What you think of a picture",
    response_model=FeedbackView,
    responses=documented(*_ALWAYS, "feedback_not_found", "invalid_parameter"),
)
async def read_of_picture(
    job_id: PictureJobId, parts: PartsOf, caller: Reader, number: Number = None
) -> Response:
    """The picture's own `feedback` in the job says the same."""
    found, which = job_id_of(job_id, "jobId"), _which(number)
    rows = await parts.picture_store.find(found, caller.user_id)
    if all(row.number != which for row in rows):
        raise no_such_job(found)
    return await _read(parts, caller, found, which)


@router.delete(
    "/api/jobs/{jobId}/feedback",
    tags=["pictures"],
    summary="Withdraw what you said of a picture",
    status_code=204,
    responses=documented(*_WRITE, "invalid_parameter"),
)
async def withdraw_of_picture(
    job_id: PictureJobId, parts: PartsOf, caller: Enqueuer, number: Number = None
) -> Response:
    """May be repeated."""
    return await _withdraw(parts, caller, job_id_of(job_id, "jobId"), _which(number))


def _which(text: str | None) -> int:
    if text is None:
        return 1
    if text not in map(str, range(1, MOST_PICTURES + 1)):
        detail = f"number says which picture of the job, from 1 to {MOST_PICTURES}."
        raise Problem(
            "invalid_parameter", detail, errors=[{"parameter": "number", "detail": detail}]
        )
    return int(text)


async def _note(
    request: Request, parts: Parts, caller: Caller, job_id: UUID, number: int
) -> Response:
    said = await json_body(request, FeedbackRequest)
    outcome = await parts.feedback_store.note(
        job_id, number, caller.user_id, said.verdict, reason=said.reason, words=said.text
    )
    if outcome == "not_found":
        raise no_such_job(job_id)
    if outcome == "nothing_yet":
        raise Problem("nothing_yet", "It is not finished, so there is nothing to judge.")
    return await _read(parts, caller, job_id, number)


async def _withdraw(parts: Parts, caller: Caller, job_id: UUID, number: int) -> Response:
    if await parts.feedback_store.note(job_id, number, caller.user_id, None) == "not_found":
        raise no_such_job(job_id)
    return Response(status_code=204)


async def _read(parts: Parts, caller: Caller, job_id: UUID, number: int) -> Response:
    view = FeedbackView.of(await parts.feedback_store.find(job_id, number, caller.user_id))
    if view is None:
        raise Problem("feedback_not_found", "You have not said yet what you think of it.")
    return answer(view)
