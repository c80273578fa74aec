"""`stats`: the queue at a glance, and who works on it."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prompt_queue.cli.context import run_with_database
from prompt_queue.cli.documents import JsonObject, stats_document
from prompt_queue.cli.errors import CommandFailed, ExitCode
from prompt_queue.cli.options import AsJson, DataDir
from prompt_queue.cli.output import console, duration, printable, table

if TYPE_CHECKING:
    from rich.console import Group

    from prompt_queue.settings import Settings
    from prompt_queue.store.database import Database

LOOK_SECONDS = 1.0
SILENT_SECONDS = 30.0
"""A worker that was silent for longer does not count as running."""

Watch = Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(stats)


def stats(watch: Watch = False, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show how many jobs wait, run and have ended, and the workers."""
    if watch and as_json:
        raise CommandFailed(
            "--json prints one document and --watch never ends: give one of them", ExitCode.USAGE
        )

    async def work(database: "Database", settings: "Settings") -> JsonObject:
        if watch:
            await _watch(database, settings)
        return await read_stats(database, settings)

    document = run_with_database(data_dir, work)
    if as_json:
        from prompt_queue.cli.output import print_json

        print_json(document)
    else:
        console().print(stats_panel(document))


async def read_stats(database: "Database", settings: "Settings") -> JsonObject:
    """The statistics and the workers. Raises DatabaseUnavailable."""
    from prompt_queue.cli.status import read_outlook
    from prompt_queue.jobs.priority import DEFAULT
    from prompt_queue.store.prompt_store import PromptStore
    from prompt_queue.store.worker_store import WorkerStore

    found = await PromptStore(database).stats()
    outlook = await read_outlook(database, settings)
    estimate = outlook.prompt(found.total_queued, DEFAULT).seconds
    return stats_document(found, await WorkerStore(database).workers(), estimate)


def stats_panel(document: JsonObject) -> "Group":
    """The statistics as a person reads them."""
    from rich.console import Group
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(justify="right")
    for name, value in _numbers(document):
        grid.add_row(name, value)
    parts: list[Any] = [grid, ""]
    if not document["workers"]:
        return Group(*parts, "no worker was seen; start one with: prompt-queue work")
    listed = table("worker", "host", "pid#", "busy#", "slots#", "last seen")
    for worker in document["workers"]:
        silent = worker["silentSeconds"] > SILENT_SECONDS
        listed.add_row(
            printable(worker["worker"]),
            printable(worker["host"]),
            str(worker["pid"]),
            str(worker["busy"]),
            str(worker["concurrency"]),
            f"{duration(worker['silentSeconds'])} ago",
            style="dim" if silent else None,
        )
    return Group(*parts, listed)


def _numbers(document: JsonObject) -> list[tuple[str, str]]:
    oldest = document["oldestQueuedSeconds"] if document["totalQueued"] else None
    return [
        ("queued", str(document["totalQueued"])),
        ("processing", str(document["totalProcessing"])),
        ("completed", str(document["totalCompleted"])),
        ("failed", str(document["totalFailed"])),
        ("cancelled", str(document["totalCancelled"])),
        ("oldest in the queue", duration(oldest)),
        ("average wait", duration(document["averageWaitTime"])),
        ("average processing", duration(document["averageProcessingTime"])),
        ("a new job would take", f"about {document['estimatedWaitTime']} s"),
        ("completed in the last minute", str(document["completedLastMinute"])),
        ("completed in the last hour", str(document["completedLastHour"])),
        ("failed in the last hour", str(document["failedLastHour"])),
        ("writes without a lease", str(document["unfencedWrites"])),
        ("slots of all workers", str(document["slots"])),
    ]


async def _watch(database: "Database", settings: "Settings") -> None:
    out = console()
    if not out.is_terminal:
        while True:
            document = await read_stats(database, settings)
            out.print(", ".join(f"{name} {value}" for name, value in _numbers(document)[:5]))
            await asyncio.sleep(LOOK_SECONDS)
    from rich.live import Live

    with Live(console=out, auto_refresh=False) as live:
        while True:
            live.update(stats_panel(await read_stats(database, settings)), refresh=True)
            await asyncio.sleep(LOOK_SECONDS)
