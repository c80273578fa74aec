"""Other people's Python code queues jobs inside its own transactions."""

import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

import prompt_queue
from prompt_queue.settings import DEMO_MODEL_ID, DEMO_USER_ID


async def queue_length(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("select count(*) from prompt_job_queue")


async def test_enqueue_is_part_of_the_callers_transaction(database_url: str, demo: UUID) -> None:
    """It commits with the caller's rows and is rolled back with them."""
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await prompt_queue.enqueue(connection, row_id=demo, target_url="https://example.com/t.jpg")
        assert await queue_length(connection) == 1
        await transaction.rollback()
        assert await queue_length(connection) == 0
        async with connection.transaction():
            job_id = await prompt_queue.enqueue(
                connection,
                row_id=str(demo),
                target_url="https://example.com/t.jpg",
                ref_urls=["https://example.com/r.jpg"],
                priority=8,
                user_id=DEMO_USER_ID,
            )
        job = await connection.fetchrow(
            "select * from prompt_generation_jobs where id = $1", job_id
        )
        assert (job["priority"], job["user_id"], job["status"]) == (8, DEMO_USER_ID, "queued")
    finally:
        await connection.close()


async def test_options_go_to_the_job(database_url: str, demo: UUID) -> None:
    """By the names of the columns; a name that is none is refused, and nothing is queued."""
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    where = {"row_id": demo, "target_url": "https://example.com/t.jpg"}
    options = {"operation": "enhance", "existing_prompt": "Make it red.", "identity_consent": True}
    try:
        job_id = await prompt_queue.enqueue(connection, **where, options=options)
        job = await connection.fetchrow(
            "select * from prompt_generation_jobs where id = $1", job_id
        )
        assert {name: job[name] for name in options} == options
        for wrong in ({"minimum": "model"}, {"min_quality": "best"}, {"operation": "enhance"}):
            with pytest.raises(asyncpg.PostgresError):
                await prompt_queue.enqueue(connection, **where, options=wrong)
        assert await queue_length(connection) == 1
    finally:
        await connection.close()


async def test_a_foreign_row_is_refused(database_url: str, demo: UUID) -> None:
    """With a user, somebody else's row counts as missing."""
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    try:
        with pytest.raises(asyncpg.NoDataFoundError, match="that you may use"):
            await prompt_queue.enqueue(
                connection, row_id=demo, target_url="https://example.com/t.jpg", user_id=uuid4()
            )
    finally:
        await connection.close()


def example(language: str) -> str:
    """The first code block of that language in docs/embedding.md."""
    text = (Path(__file__).parents[2] / "docs" / "embedding.md").read_text("utf-8")
    return text.split(f"```{language}\n")[1].split("```")[0]


async def test_the_python_example_of_the_documentation_runs(database_url: str, demo: UUID) -> None:
    """docs/embedding.md is code that works."""
    names: dict[str, Any] = {}
    exec(compile(example("python"), "docs/embedding.md", "exec"), names)  # noqa: S102
    job_id = await names["add_picture"](
        database_url, str(DEMO_USER_ID), str(DEMO_MODEL_ID), "https://example.com/t.jpg"
    )
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    try:
        assert [r["id"] for r in await connection.fetch("select * from claim_prompt_jobs(5)")] == [
            UUID(job_id)
        ]
    finally:
        await connection.close()


async def test_the_sql_example_of_the_documentation_runs(database_url: str, demo: UUID) -> None:
    """docs/embedding.md is SQL that psql takes."""
    variables = ("-v", f"model_id={DEMO_MODEL_ID}", "-v", f"user_id={DEMO_USER_ID}")
    subprocess.run(
        ["psql", database_url, "-Xq", "-v", "ON_ERROR_STOP=1", *variables],
        input=example("sql"),
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    try:
        assert await queue_length(connection) == 1
    finally:
        await connection.close()
