"""Existing clients know only the mission's names: plain INSERTs, rpc calls, debug commands."""

import json
import os
import subprocess
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.settings import DEMO_MODEL_ID, DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore

INSERT = """
insert into prompt_generation_jobs (row_id, model_id, user_id, ref_urls, target_url, priority)
values ($1, $2, $3, $4, $5, $6) returning id
"""


@pytest.fixture
async def client(database_url: str, demo: UUID) -> asyncpg.Connection:
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    yield connection
    await connection.close()


async def plain_insert(client: asyncpg.Connection, row: UUID, priority: int = 5) -> UUID:
    return await client.fetchval(
        INSERT, row, DEMO_MODEL_ID, DEMO_USER_ID, ["https://e.com/r.jpg"], "https://e.com/t.jpg",
        priority,
    )  # fmt: skip


async def kinds(client: asyncpg.Connection, job_id: UUID) -> list[str]:
    rows = await client.fetch(
        "select kind from prompt_job_events where job_id = $1 order by id", job_id
    )
    return [row["kind"] for row in rows]


async def main_job(client: asyncpg.Connection, prompt_job: UUID) -> UUID:
    return await client.fetchval(
        "insert into jobs (prompt_job_id, prompt_status) values ($1, 'generating') returning id",
        prompt_job,
    )


async def prompt_status(client: asyncpg.Connection, job_id: UUID) -> str:
    return await client.fetchval("select prompt_status from jobs where id = $1", job_id)


async def test_a_plain_insert_is_a_full_citizen(
    client: asyncpg.Connection, direct_url: str, demo: UUID
) -> None:
    """A row with the mission's columns alone is ordered, logged, announced and claimable."""
    woken: list[str] = []
    listening = await asyncpg.connect(direct_url)
    await listening.add_listener("prompt_queue", lambda *given: woken.append(given[2]))
    low = await plain_insert(client, demo, priority=1)
    high = await plain_insert(client, demo, priority=9)
    claimed = await client.fetch("select * from claim_prompt_jobs(5)")
    assert [row["id"] for row in claimed] == [high, low]
    assert claimed[0]["status"] == "processing"
    assert await kinds(client, low) == ["queued", "claimed"]
    await listening.fetchval("select 1")
    assert woken == ["prompt_queue"]
    await listening.close()


async def test_a_bulk_insert_keeps_its_own_order(client: asyncpg.Connection, demo: UUID) -> None:
    """One statement with many rows makes as many places, oldest created_at first."""
    await client.execute(
        "insert into prompt_generation_jobs (row_id, model_id, user_id, target_url, created_at) "
        "select $1, $2, $3, 'https://e.com/' || n, now() + n * interval '1 ms' "
        "from generate_series(1, 50) n",
        demo,
        DEMO_MODEL_ID,
        DEMO_USER_ID,
    )
    claimed = await client.fetch("select target_url from claim_prompt_jobs(50)")
    assert [r["target_url"] for r in claimed] == [f"https://e.com/{n}" for n in range(1, 51)]


async def test_the_four_argument_update_completes_a_job_and_its_dependents(
    client: asyncpg.Connection, demo: UUID
) -> None:
    """An rpc call without a token settles dependents in the same transaction and is counted."""
    job = await plain_insert(client, demo)
    dependent = await main_job(client, job)
    await client.fetch("select * from claim_prompt_jobs(1)")
    async with client.transaction():
        applied = await client.fetchval(
            "select update_prompt_job_status($1, 'completed', 'Paint it blue.', null)", job
        )
        assert await prompt_status(client, dependent) == "completed"
    assert applied is True
    row = await client.fetchrow("select * from prompt_generation_jobs where id = $1", job)
    assert (row["status"], row["generated_prompt"]) == ("completed", "Paint it blue.")
    assert await client.fetchval("select unfenced_writes from get_prompt_queue_stats()") == 1
    assert await client.fetchval("select count(*) from prompt_job_queue") == 0


@pytest.mark.parametrize("final", ["completed", "failed", "cancelled"])
@pytest.mark.parametrize("late", ["completed", "failed", "queued", "processing", "cancelled"])
async def test_a_write_without_a_token_never_touches_a_final_row(
    client: asyncpg.Connection, demo: UUID, final: str, late: str
) -> None:
    """Whatever a late caller says, a final job stays what it is."""
    job = await plain_insert(client, demo)
    await client.fetch("select * from claim_prompt_jobs(1)")
    assert await client.fetchval(
        "select update_prompt_job_status($1, $2, 'First.', 'first')", job, final
    )
    before = await client.fetchrow("select * from prompt_generation_jobs where id = $1", job)
    assert before["status"] == final
    assert not await client.fetchval(
        "select update_prompt_job_status($1, $2, 'Second.', 'second')", job, late
    )
    after = await client.fetchrow("select * from prompt_generation_jobs where id = $1", job)
    assert after == before


async def test_a_failure_without_a_token_needs_a_processing_job(
    client: asyncpg.Connection, demo: UUID
) -> None:
    """A queued job cannot be failed by somebody who never claimed it."""
    job = await plain_insert(client, demo)
    assert not await client.fetchval(
        "select update_prompt_job_status($1, 'failed', null, 'no')", job
    )
    await client.fetch("select * from claim_prompt_jobs(1)")
    dependent = await main_job(client, job)
    assert await client.fetchval("select update_prompt_job_status($1, 'failed', null, 'no')", job)
    assert await prompt_status(client, dependent) == "failed"


async def test_the_old_way_of_retrying_counts_and_waits(
    client: asyncpg.Connection, demo: UUID
) -> None:
    """Setting a processing job back to queued is a retry with the mission's delay."""
    job = await plain_insert(client, demo)
    await client.fetch("select * from claim_prompt_jobs(1)")
    assert await client.fetchval(
        "select update_prompt_job_status($1, 'queued', null, 'Grok is slow')", job
    )
    row = await client.fetchrow("select * from prompt_generation_jobs where id = $1", job)
    assert (row["status"], row["retry_count"], row["error"]) == ("queued", 1, "Grok is slow")
    wait = await client.fetchval(
        "select extract(epoch from next_attempt_at - clock_timestamp())::float8 "
        "from prompt_job_queue"
    )
    assert 0.5 < wait <= 1.0


async def test_a_wrong_token_changes_nothing(client: asyncpg.Connection, demo: UUID) -> None:
    """A failure, a retry or a cancel with a token that is not the current one is refused."""
    job = await plain_insert(client, demo)
    await client.fetch("select * from claim_prompt_jobs(1)")
    for status in ("failed", "queued", "processing", "cancelled"):
        assert not await client.fetchval(
            "select update_prompt_job_status($1, $2, null, 'no', $3)", job, status, uuid4()
        )
    status = await client.fetchval("select status from prompt_generation_jobs where id = $1", job)
    assert status == "processing"


async def test_unknown_statuses_and_empty_prompts_are_refused_in_words(
    client: asyncpg.Connection, demo: UUID
) -> None:
    """The error says which words are allowed."""
    job = await plain_insert(client, demo)
    with pytest.raises(asyncpg.InvalidParameterValueError, match="not one of queued"):
        await client.fetchval("select update_prompt_job_status($1, 'done')", job)
    with pytest.raises(asyncpg.InvalidParameterValueError, match="needs its prompt"):
        await client.fetchval("select update_prompt_job_status($1, 'completed', ' ')", job)


async def test_the_last_wall_holds_against_plain_updates(
    client: asyncpg.Connection, demo: UUID
) -> None:
    """A plain UPDATE cannot change a final job, whatever it tries."""
    job = await plain_insert(client, demo)
    await client.fetchval("select update_prompt_job_status($1, 'completed', 'Done.')", job)
    for change in ("status = 'queued'", "generated_prompt = 'Other.'", "completed_at = null"):
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="does not change"):
            await client.execute(f"update prompt_generation_jobs set {change} where id = $1", job)


async def test_a_plain_update_that_ends_an_open_job_is_carried_through(
    client: asyncpg.Connection, demo: UUID
) -> None:
    """A client that cancels by UPDATE leaves no ghost behind; claiming that way is refused."""
    job = await plain_insert(client, demo)
    dependent = await main_job(client, job)
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="by hand"):
        await client.execute(
            "update prompt_generation_jobs set status = 'processing' where id = $1", job
        )
    await client.execute(
        "update prompt_generation_jobs set status = 'cancelled' where id = $1", job
    )
    assert await client.fetch("select * from claim_prompt_jobs(1)") == []
    assert await prompt_status(client, dependent) == "failed"
    assert "cancelled" in await kinds(client, job)


async def test_a_job_that_was_marked_processing_by_rpc_comes_back(
    client: asyncpg.Connection, demo: UUID
) -> None:
    """An rpc caller that dies does not keep the job: its long lease runs out like any other."""
    job = await plain_insert(client, demo)
    assert await client.fetchval("select update_prompt_job_status($1, 'processing')", job)
    assert await client.fetch("select * from claim_prompt_jobs(1)") == []
    await client.execute("update prompt_job_queue set lease_until = now() - interval '1 s'")
    assert [r["id"] for r in await client.fetch("select * from claim_prompt_jobs(1)")] == [job]


async def test_retrying_makes_failed_dependents_wait_again(
    client: asyncpg.Connection, demo: UUID
) -> None:
    """Dependents that failed with their prompt go back to generating."""
    job = await plain_insert(client, demo)
    dependent = await main_job(client, job)
    await client.fetch("select * from claim_prompt_jobs(1)")
    await client.fetchval("select update_prompt_job_status($1, 'failed', null, 'no')", job)
    await client.fetchrow("select * from retry_prompt_job($1)", job)
    assert await prompt_status(client, dependent) == "generating"


async def test_deleting_the_row_clears_the_queue_but_not_the_history(
    client: asyncpg.Connection, demo: UUID
) -> None:
    """A cascade takes the job and its place in the queue; the events stay."""
    job = await plain_insert(client, demo)
    await client.execute("delete from model_rows where id = $1", demo)
    assert await client.fetchval("select count(*) from prompt_generation_jobs") == 0
    assert await client.fetchval("select count(*) from prompt_job_queue") == 0
    assert await kinds(client, job) == ["queued"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("priority", 0), ("priority", 11), ("retry_count", 4), ("retry_count", -1)],
)
async def test_the_schema_refuses_what_cannot_be(
    client: asyncpg.Connection, demo: UUID, column: str, value: int
) -> None:
    """Priority is 1 to 10 and retry_count stays between 0 and max_retries."""
    job = await plain_insert(client, demo)
    with pytest.raises(asyncpg.CheckViolationError):
        await client.execute(
            f"update prompt_generation_jobs set {column} = $1 where id = $2", value, job
        )


async def test_the_owner_comes_from_user_id_or_created_by_or_a_setting(
    client: asyncpg.Connection, database: Database, demo: UUID
) -> None:
    """enqueue_prompt_job reads the owner from whichever column there is."""
    enqueue = "select enqueue_prompt_job($1, 'https://e.com/t.jpg')"
    owner = "select user_id from prompt_generation_jobs where id = $1"
    await client.execute("alter table model_rows rename column user_id to created_by")
    assert await client.fetchval(owner, await client.fetchval(enqueue, demo)) == DEMO_USER_ID
    await client.execute("alter table model_rows rename column created_by to holder")
    with pytest.raises(asyncpg.UndefinedColumnError, match="neither user_id nor created_by"):
        await client.fetchval(enqueue, demo)
    await PromptStore(database).configure("holder")
    assert await client.fetchval(owner, await client.fetchval(enqueue, demo)) == DEMO_USER_ID


async def test_a_row_of_somebody_else_counts_as_missing(
    client: asyncpg.Connection, demo: UUID
) -> None:
    """With p_user_id, the error for a foreign row is the one for no row."""
    messages = []
    for row, user in ((demo, uuid4()), (uuid4(), DEMO_USER_ID)):
        with pytest.raises(asyncpg.NoDataFoundError) as caught:
            await client.fetchval(
                "select enqueue_prompt_job($1, 'https://e.com/t.jpg', p_user_id => $2)", row, user
            )
        messages.append(str(caught.value).replace(str(row), "ROW"))
    assert messages[0] == messages[1]


async def test_the_debug_commands_of_the_troubleshooting_section_run_in_psql(
    client: asyncpg.Connection, database_url: str, demo: UUID
) -> None:
    """The three statements of the mission work as printed there."""
    for number in range(3):
        await plain_insert(client, demo, priority=number + 1)
    (claim,) = await client.fetch("select * from claim_prompt_jobs(1)")
    await client.fetchval("select update_prompt_job_status($1, 'failed', null, 'x')", claim["id"])
    outputs = {
        "SELECT * FROM get_prompt_queue_stats();": lambda rows: rows[0]["total_queued"] == 2,
        "SELECT * FROM prompt_generation_jobs WHERE status = 'queued' "
        "ORDER BY priority DESC, created_at ASC;": lambda rows: (
            [r["priority"] for r in rows] == [2, 1]
        ),
        "SELECT * FROM prompt_generation_jobs WHERE status = 'failed' "
        "ORDER BY updated_at DESC LIMIT 10;": lambda rows: rows[0]["error"] == "x",
    }
    for statement, check in outputs.items():
        query = statement.rstrip(";")
        shown = subprocess.run(
            ["psql", database_url, "-XAt", "-c", f"select json_agg(t) from ({query}) t"],
            check=True, capture_output=True, text=True, env=os.environ,
        ).stdout  # fmt: skip
        assert check(json.loads(shown)), shown
        subprocess.run(["psql", database_url, "-Xq", "-c", statement], check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip


async def test_nobody_else_may_call_our_functions(client: asyncpg.Connection) -> None:
    """Every function that the project ships is closed to PUBLIC."""
    from prompt_queue.store.bundle import present_functions

    open_ones = await client.fetch(
        "select p.proname from pg_proc p where p.pronamespace = 'public'::regnamespace "
        "and p.proname = any ($1) and (p.proacl is null or exists ("
        "select from aclexplode(p.proacl) a where a.grantee = 0))",
        list(present_functions()),
    )
    assert [row["proname"] for row in open_ones] == []
    shipped = await client.fetchval(
        "select count(distinct proname) from pg_proc where proname = any ($1)",
        list(present_functions()),
    )
    assert shipped == len(present_functions())


async def test_row_level_security_is_forced_on_all_our_tables_and_no_other(
    client: asyncpg.Connection,
) -> None:
    """Ours are locked down; the user's tables are left as they are."""
    rows = await client.fetch(
        "select relname, relrowsecurity and relforcerowsecurity as forced, relrowsecurity as any "
        "from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
    )
    theirs = {"models", "model_rows", "jobs"}
    for row in rows:
        if row["relname"] in theirs:
            assert not row["any"], row["relname"]
        elif row["relname"] != "prompt_queue_migrations":
            assert row["forced"], row["relname"]
