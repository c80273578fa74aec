"""`pause` and `resume`: stop the whole queue or one model, and let it go on."""

from typing import TYPE_CHECKING, Annotated

import typer

from prompt_queue.cli.context import run_with_database
from prompt_queue.cli.jobs import operator
from prompt_queue.cli.options import AsJson, DataDir
from prompt_queue.cli.output import print_json, print_text

if TYPE_CHECKING:
    from prompt_queue.settings import Settings
    from prompt_queue.store.database import Database

Model = Annotated[str | None, typer.Option(help="Only the calls to this model, such as grok-4.7.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(pause)
    app.command()(resume)


def pause(
    model: Model = None,
    reason: Annotated[
        str | None, typer.Option(help="For whoever looks at the queue meanwhile.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Stop the queue: running jobs are finished, new ones are taken in and wait."""

    async def work(database: "Database", _settings: "Settings") -> bool:
        from prompt_queue.store.operator_store import OperatorStore

        return await OperatorStore(database).pause(model, reason, f"cli:{operator()}")

    _say(run_with_database(data_dir, work), model, "paused", as_json)


def resume(model: Model = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Let the queue go on."""

    async def work(database: "Database", _settings: "Settings") -> bool:
        from prompt_queue.store.operator_store import OperatorStore

        return await OperatorStore(database).resume(model, f"cli:{operator()}")

    _say(run_with_database(data_dir, work), model, "running", as_json)


def _say(changed: bool, model: str | None, word: str, as_json: bool) -> None:
    if as_json:
        print_json({"model": model, "state": word, "changed": changed})
    else:
        now = "is now" if changed else "was already"
        print_text(f"{model or 'the queue'} {now} {word}")
