"""The id of a job in a path, and what is said where there is no such job."""

from typing import Annotated
from uuid import UUID

from fastapi import Path

from prompt_queue.api.problems import Problem
from prompt_queue.api.requests import parse_uuid

JobId = Annotated[
    str,
    Path(alias="promptJobId", description="Id of the job.", json_schema_extra={"format": "uuid"}),
]


PictureJobId = Annotated[
    str, Path(alias="jobId", description="Id of the job.", json_schema_extra={"format": "uuid"})
]


def job_id_of(text: str, parameter: str = "promptJobId") -> UUID:
    """The id in a path. Raises Problem."""
    found = parse_uuid(text)
    if found is None:
        detail = "The id of a job is a UUID with hyphens, as the answer to the POST gave it."
        raise Problem("invalid_id", detail, errors=[{"parameter": parameter, "detail": detail}])
    return found


def no_such_job(job_id: UUID) -> Problem:
    """The same words for a job that never was and for somebody else's."""
    return Problem("job_not_found", f"There is no job {job_id} that you may see.")
