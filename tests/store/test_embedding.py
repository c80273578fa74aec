"""Other people's Python code queues jobs inside its own transactions."""

from uuid import UUID, uuid4

import asyncpg
import pytest

import prompt_queue
from prompt_queue.settings import DEMO_USER_ID


async def queue_length(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("select count(*) from prompt_job_queue")


async def test_enqueue_is_part_of_the_callers_transaction(database_url: str, demo: UUID) -> None:
    """It commits with the caller's rows and is rolled back with them."""
    connection = await asyncpg.connect(database_url)
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


async def test_a_foreign_row_is_refused(database_url: str, demo: UUID) -> None:
    """With a user, somebody else's row counts as missing."""
    connection = await asyncpg.connect(database_url)
    try:
        with pytest.raises(asyncpg.NoDataFoundError, match="that you may use"):
            await prompt_queue.enqueue(
                connection, row_id=demo, target_url="https://example.com/t.jpg", user_id=uuid4()
            )
    finally:
        await connection.close()
