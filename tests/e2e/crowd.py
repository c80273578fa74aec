"""A queue that is full: ten thousand jobs of other people, inserted by plain SQL."""

import asyncio
import sys
from uuid import UUID

from tests.e2e.stack import Stack

MANY = 10_000
OPERATOR_SECRET = "cron-secret-of-the-test"
OPERATOR = {"Authorization": f"Bearer {OPERATOR_SECRET}"}

_USERS = """
with owners as (
  insert into auth.users (id) select gen_random_uuid() from generate_series(1, $1::int) returning id
),
models as (
  insert into models (user_id, name) select id, 'crowd' from owners returning id, user_id
)
insert into model_rows (model_id, user_id) select id, user_id from models returning user_id
"""
_JOBS = """
insert into prompt_generation_jobs (row_id, model_id, user_id, target_url, priority)
select r.id, r.model_id, r.user_id, $2, $3::int
from model_rows r, generate_series(1, $4::int)
where r.user_id = any ($1)
"""
_CLAIMS = """
select e.id, e.job_id, e.user_id from prompt_job_events e where e.kind = 'claimed' order by e.id
"""


async def new_users(stack: Stack, count: int) -> list[UUID]:
    """Users with a row each."""
    return [row["user_id"] for row in await stack.sql(_USERS, count)]


async def fill(stack: Stack, users: list[UUID], target: str, *, priority: int, jobs: int) -> None:
    """So many jobs in all, in equal parts."""
    await stack.sql(_JOBS, users, target, priority, jobs // len(users))


async def claims(stack: Stack) -> list[tuple[int, UUID, UUID]]:
    """Every claim so far, in order: number of its event, job, user."""
    return [tuple(row) for row in await stack.sql(_CLAIMS)]


async def event_of(stack: Stack, job_id: str, kind: str) -> int:
    """The number of a job's only event of this kind."""
    (row,) = await stack.sql(
        "select id from prompt_job_events where job_id = $1 and kind = $2", UUID(job_id), kind
    )
    return int(row["id"])


async def processing(stack: Stack) -> int:
    """How many jobs are in workers' hands."""
    (row,) = await stack.sql("select count(*) from prompt_job_queue where state = 'leased'")
    return int(row["count"])


async def command(stack: Stack, *arguments: str) -> str:
    """What `prompt-queue ARGUMENTS` prints, on the stack's own database."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prompt_queue", *arguments, f"--data-dir={stack.data_dir}",
        stdout=asyncio.subprocess.PIPE, cwd=stack.data_dir,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output
    return output.decode()
