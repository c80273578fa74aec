"""The context in the row: well formed or none, and nothing to those who know nothing of it."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.settings import DEMO_MODEL_ID, DEMO_ROW_ID, DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.migrate import migrate, read_migrations
from prompt_queue.store.prompt_store import PromptStore
from tests.tracing.conftest import Spans

CONTEXT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BEFORE = "20261126190000"
OLDER_CLAIMS = (
    "select c.id, c.lease_token from claim_prompt_jobs(10, 'older', 30, 30, '{}') c",
    "select p.id, p.lease_token from claim_picture_jobs(10, 'older', 30, 30) p",
    "select m.id, m.lease_token from claim_webhook_messages(10, 'older', 30, 4, '') m",
)
ENQUEUE = "select enqueue_prompt_job($1, 'https://e.com/t.jpg', p_options => $2::text::jsonb)"
CREATE = "select job_id from create_picture_job($1, $2::text::jsonb)"
ASKED = '{"prompt": "Teal.", "target_url": "https://e.com/t.jpg", "generation_model": "seedream"}'
MESSAGE = (
    "insert into webhook_messages (user_id, url, type, subject, payload) "
    "values ($1, 'https://e.com/hook', 'prompt.completed', $2, '{}')"
)


async def some_of_each(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.execute(ENQUEUE, DEMO_ROW_ID, "{}")
    await connection.execute(CREATE, DEMO_ROW_ID, ASKED)
    await connection.execute(MESSAGE, DEMO_USER_ID, uuid4())


async def test_an_older_worker_goes_on_while_the_column_comes(empty_database_url: str) -> None:
    """Its statements, prepared before, give it jobs after as well."""
    migrations = read_migrations()
    await migrate(empty_database_url, [one for one in migrations if one.version < BEFORE])
    connection = await asyncpg.connect(empty_database_url)
    try:
        await connection.execute("insert into auth.users (id) values ($1)", DEMO_USER_ID)
        await connection.execute("insert into models (id, name) values ($1, 'm')", DEMO_MODEL_ID)
        await connection.execute(
            "insert into model_rows (id, model_id, user_id) values ($1, $2, $3)",
            DEMO_ROW_ID, DEMO_MODEL_ID, DEMO_USER_ID,
        )  # fmt: skip
        claims = [await connection.prepare(claim) for claim in OLDER_CLAIMS]
        for _ in range(2):
            await some_of_each(connection)
            assert [len(await claim.fetch()) for claim in claims] == [1, 1, 1]
            await migrate(empty_database_url, migrations)
    finally:
        await connection.close()


@pytest.mark.parametrize("context", ["", "nonsense", CONTEXT.upper(), CONTEXT + "-more"])
async def test_a_context_of_another_shape_is_refused(
    direct_url: str, demo: UUID, context: str
) -> None:
    """By the check of the column, whoever writes it."""
    connection = await asyncpg.connect(direct_url)
    try:
        with pytest.raises(asyncpg.CheckViolationError, match="trace_context"):
            await connection.execute(ENQUEUE, demo, f'{{"trace_context": "{context}"}}')
    finally:
        await connection.close()


async def test_the_context_of_a_transaction_of_ones_own_reaches_the_claim(
    direct_url: str, database: Database, demo: UUID, spans: Spans
) -> None:
    """Where claims are traced; a worker that is not traced does not ask for it."""
    connection = await asyncpg.connect(direct_url)
    await connection.execute(ENQUEUE, demo, f'{{"trace_context": "{CONTEXT}"}}')
    await connection.close()
    (claim,) = await PromptStore(database).claim(1, "tester", 30)
    assert claim.trace_context == CONTEXT
