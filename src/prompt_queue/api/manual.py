"""A prompt written by hand, for a job that waits, runs or has failed."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from prompt_queue.api.auth import Enqueuer, PartsOf
from prompt_queue.api.bodies import documented_body, json_body
from prompt_queue.api.job_ids import JobId, job_id_of, no_such_job
from prompt_queue.api.problems import Problem, documented
from prompt_queue.api.schemas import JobView
from prompt_queue.api.views import answer, job_view

MOST_CHARACTERS = 2000
router = APIRouter(tags=["prompts"])


def _one_paragraph(text: str) -> str:
    clean = " ".join(text.split())
    if not clean:
        raise PydanticCustomError("sentence", "prompt is empty: write what is to be changed.")
    return clean


class ManualPrompt(BaseModel):
    """What is to be done to the target picture, in one's own words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Annotated[str, Field(max_length=MOST_CHARACTERS), AfterValidator(_one_paragraph)] = (
        Field(
            description="One paragraph; line breaks become spaces.",
            examples=["Make the coat red and keep everything else as it is."],
        )
    )
    successor: bool = Field(
        default=False,
        description="For a job that has a prompt already: true makes a new job of the same row, "
        "completed at once, that carries yours.",
    )


@router.put(
    "/api/prompt/queue/{promptJobId}/prompt",
    summary="Give a job a prompt of your own",
    response_model=JobView,
    responses={
        201: {"model": JobView, "description": "The successor of a completed job."},
        **documented(
            "malformed_json", "body_too_large", "unsupported_media_type", "body_timeout",
            "unauthorized", "forbidden", "identity_unavailable", "database_unavailable",
            "schema_behind", "misdirected_host", "cross_origin",
            "job_not_found", "invalid_id", "invalid_request", "already_final",
        ),
    },
    openapi_extra=documented_body(ManualPrompt),
)  # fmt: skip
async def supply_prompt(
    request: Request, job_id: JobId, parts: PartsOf, caller: Enqueuer
) -> Response:
    """The job is completed with it, and what waits for the job goes on. May be repeated.

    A prompt that came first stays; `successor` says what to do then.
    """
    found = job_id_of(job_id)
    wanted = await json_body(request, ManualPrompt)
    supplied = await parts.prompt_store.supply(
        found, wanted.prompt, caller.user_id, caller.actor, successor=wanted.successor
    )
    job = await parts.prompt_store.find_job(supplied.job_id or found, caller.user_id)
    if supplied.outcome == "not_found" or job is None:
        raise no_such_job(found)
    if supplied.outcome == "cancelled":
        raise Problem("already_final", "The job was cancelled; queue a new one instead.")
    if supplied.outcome == "already_completed":
        raise Problem(
            "already_final",
            "A prompt came first, and nothing was changed; read it with GET, or send "
            '`"successor": true` for a new job that carries yours.',
        )
    outlook = await parts.forecasts.outlook()
    view = job_view(job, None, outlook, base_url=parts.base_url, stand_in=parts.stand_in)
    if supplied.outcome == "successor":
        return answer(view, 201, {"Location": view.urls.self})
    return answer(view)
