"""`explain`: why a job is where it is, and when it will be done."""

from typing import TYPE_CHECKING, Any

import typer

from prompt_queue.cli.context import run_with_database
from prompt_queue.cli.documents import JsonObject
from prompt_queue.cli.job_view import timeline_table, wait_facts
from prompt_queue.cli.options import AsJson, DataDir
from prompt_queue.cli.output import console, print_json, printable
from prompt_queue.cli.status import JobId, read_job

if TYPE_CHECKING:
    from prompt_queue.settings import Settings
    from prompt_queue.store.database import Database


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(explain)


def explain(job_id: JobId, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Say why a job waits, what would let it go on, when it will be done, and what happened."""

    async def work(database: "Database", settings: "Settings") -> JsonObject:
        return await read_job(database, job_id, settings)

    document = run_with_database(data_dir, work)
    if as_json:
        names = ("status", "waitingReason", "eta", "etaReason", "estimatedWaitTime", "error",
                 "errorCode", "events")  # fmt: skip
        print_json({name: document[name] for name in names})
    else:
        console().print(explanation(document))


def explanation(document: JsonObject) -> Any:
    """The same for a person."""
    from rich.console import Group
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for name, value in [("status", str(document["status"])), *_why(document)]:
        grid.add_row(name, value)
    return Group(grid, "", timeline_table(document))


def _why(document: JsonObject) -> list[tuple[str, str]]:
    facts = wait_facts(document)
    if document["error"]:
        facts.insert(0, ("error", f"{printable(document['error'])} ({document['errorCode']})"))
    if not facts:
        facts.append(("waits for", "nothing: it has ended."))
    return facts
