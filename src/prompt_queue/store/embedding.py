"""For Python programs that call the queue from their own code, inside their own transaction."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

_ENQUEUE = (
    "select public.enqueue_prompt_job(p_row_id => $1, p_target_url => $2, p_ref_urls => $3, "
    "p_priority => $4, p_user_id => $5, p_options => $6::text::jsonb)"
)


class Connection(Protocol):
    """What is asked of the caller's connection; asyncpg's connections and pools fit."""

    async def fetchval(self, query: str, *arguments: Any) -> Any: ...


async def enqueue(
    connection: Connection,
    *,
    row_id: UUID | str,
    target_url: str,
    ref_urls: Sequence[str] = (),
    priority: int = 5,
    user_id: UUID | str | None = None,
    options: Mapping[str, str | bool] | None = None,
) -> UUID:
    """Queue a prompt job on the caller's own connection and return its id.

    The job is part of the caller's transaction: rolled back with it, visible to workers when it
    commits. `priority` goes from 1 to 10, 10 is the most urgent. With `user_id`, the row has to
    belong to that user. `options` may have min_quality (model, any_model or template_ok), operation
    (generate or enhance), existing_prompt, user_instructions, identity_consent and cache
    (use, refresh or off), and trace_context, a W3C traceparent whose trace the job's spans then
    belong to. Drivers without `fetchval` call the SQL function `enqueue_prompt_job`.

    Raises the driver's own errors: no_data_found (P0002) if there is no such row, check_violation
    (23514) if the priority is out of range or the target is empty, invalid_parameter_value (22023)
    for an unknown option.
    """
    job_id = await connection.fetchval(
        _ENQUEUE,
        UUID(str(row_id)),
        target_url,
        list(ref_urls),
        priority,
        None if user_id is None else UUID(str(user_id)),
        json.dumps(dict(options or {})),
    )
    return UUID(str(job_id))
