"""Shells for the tests of the command line."""

from pathlib import Path
from uuid import UUID

import pytest

from prompt_queue.jobs.outcome import Done, Failed, GeneratedPrompt, Outcome
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.intake import Intake, NewJob
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.rows import outcome_as_json
from tests.cli.shell import Shell

TARGET = "https://example.com/target.jpg"
DONE = Done(GeneratedPrompt(text="Paint the wall blue.", model="grok-4.7"))
FAILED = Failed("Grok declined this request.", "refused")


@pytest.fixture
def bare_shell(tmp_path: Path) -> Shell:
    """No settings at all."""
    return Shell(tmp_path)


@pytest.fixture
def shell(bare_shell: Shell, database_url: str, tmp_path: Path) -> Shell:
    """DATABASE_URL names the test's own migrated database."""
    return bare_shell.with_environment(
        DATABASE_URL=database_url, PROMPT_QUEUE_DATA_DIR=str(tmp_path / "data")
    )


class Jobs:
    """Puts jobs into the test's database in the state that a test needs."""

    def __init__(self, database: Database, row: UUID) -> None:
        self.database = database
        self.row = row
        self.store = PromptStore(database)

    async def queued(self, priority: int = 5) -> UUID:
        job = NewJob(row_id=self.row, target_url=TARGET, user_id=DEMO_USER_ID, priority=priority)
        return (await Intake(self.database).enqueue(job)).job_id

    async def settled(self, outcome: Outcome) -> UUID:
        """A job that was claimed and ended so. No other job may be waiting."""
        job_id = await self.queued(priority=10)
        (claim,) = await self.store.claim(1, "test-worker", 30)
        assert claim.job_id == job_id
        await self.store.settle([outcome_as_json(claim, outcome)])
        return job_id


@pytest.fixture
def jobs(database: Database, demo: UUID) -> Jobs:
    """Makes jobs on the demo row."""
    return Jobs(database, demo)
