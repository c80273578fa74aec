"""`status`: one job, where it stands, what happened to it and what it cost."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from prompt_queue.cli.context import run_with_database
from prompt_queue.cli.documents import (
    JsonObject,
    call_documents,
    event_documents,
    job_document,
    place_document,
)
from prompt_queue.cli.errors import CommandFailed, ExitCode
from prompt_queue.cli.job_view import job_line, job_panel
from prompt_queue.cli.options import AsJson, DataDir
from prompt_queue.cli.output import console, one_line, print_json, print_text
from prompt_queue.cli.picture_status import picture_line, picture_panel, read_picture_job
from prompt_queue.jobs.job import Status

if TYPE_CHECKING:
    from prompt_queue.jobs.outlook import Outlook
    from prompt_queue.settings import Settings
    from prompt_queue.store.database import Database

LOOK_SECONDS = 1.0
_OVER = frozenset({"completed", "succeeded", "failed", "cancelled"})

JobId = Annotated[UUID, typer.Argument(metavar="ID", help="The id that enqueue printed.")]
Watch = Annotated[bool, typer.Option("--watch", help="Go on until the job has ended.")]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(status)


def status(
    job_id: JobId, watch: Watch = False, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    """Show one job, of prompts or of pictures: status, result, place, timeline and cost."""
    document = _read(job_id, watch, as_json, data_dir)
    if as_json:
        print_json(document)
    ended_badly = document["status"] in {Status.FAILED, Status.CANCELLED}
    if watch and ended_badly:
        raise typer.Exit(ExitCode.FAILED)


def _read(job_id: UUID, watch: bool, as_json: bool, data_dir: Path | None) -> JsonObject:
    async def work(database: "Database", settings: "Settings") -> JsonObject:
        if not watch:
            document = await read_job(database, job_id, settings)
            if not as_json:
                console().print(_panel(document))
            return document
        if as_json:
            return await _until_final(database, job_id, settings, lambda _document: None)
        if console().is_terminal:
            return await _watch_live(database, job_id, settings)
        return await _watch_lines(database, job_id, settings)

    return run_with_database(data_dir, work)


async def read_job(database: "Database", job_id: UUID, settings: "Settings") -> JsonObject:
    """Everything that the database knows about a job. Raises CommandFailed if there is none."""
    from prompt_queue.store.prompt_store import PromptStore

    store = PromptStore(database)
    job = await store.find_job(job_id)
    outlook = await read_outlook(database, settings)
    if job is None and (picture_job := await read_picture_job(database, job_id, outlook)):
        return picture_job
    if job is None:
        raise CommandFailed(f"there is no job {job_id}", ExitCode.NOT_FOUND)
    place = await store.place(job_id)
    calls = call_documents(await store.calls(job_id))
    return {
        **job_document(job),
        **place_document(job, place, outlook),
        "spentUsd": sum((call["costUsd"] or Decimal(0) for call in calls), Decimal(0)),
        "events": event_documents(job.created_at, await store.events(job_id)),
        "calls": calls,
    }


async def read_outlook(database: "Database", settings: "Settings") -> "Outlook":
    """What can be said about waits now. Raises DatabaseUnavailable."""
    from prompt_queue.store.outlook import Ladder, look_out
    from prompt_queue.store.prompt_store import PromptStore
    from prompt_queue.store.wait_store import WaitStore

    stats = await PromptStore(database).stats()
    return await look_out(WaitStore(database), stats, Ladder(settings.models))


async def _watch_live(database: "Database", job_id: UUID, settings: "Settings") -> JsonObject:
    from rich.live import Live

    with Live(console=console(), auto_refresh=False) as live:
        return await _until_final(
            database, job_id, settings, lambda document: live.update(_panel(document), refresh=True)
        )


async def _watch_lines(database: "Database", job_id: UUID, settings: "Settings") -> JsonObject:
    printed: list[str] = []

    def print_news(document: JsonObject) -> None:
        line = picture_line(document) if "pictures" in document else job_line(document)
        if printed[-1:] != [line]:
            printed.append(line)
            print_text(one_line(line))

    return await _until_final(database, job_id, settings, print_news)


async def _until_final(
    database: "Database", job_id: UUID, settings: "Settings", show: Any
) -> JsonObject:
    while True:
        document = await read_job(database, job_id, settings)
        show(document)
        if str(document["status"]) in _OVER:
            return document
        await asyncio.sleep(LOOK_SECONDS)


def _panel(document: JsonObject) -> Any:
    return picture_panel(document) if "pictures" in document else job_panel(document)
