"""`pause` and `resume`: stop the whole queue, one model or a band, and let it go on."""

from typing import TYPE_CHECKING, Annotated

import typer

from prompt_queue.cli.context import run_with_database
from prompt_queue.cli.jobs import operator
from prompt_queue.cli.options import AsJson, DataDir
from prompt_queue.cli.output import print_json, print_text
from prompt_queue.jobs.priority import BANDS, HIGHEST, LOWEST, in_words, read_range

if TYPE_CHECKING:
    from prompt_queue.settings import Settings
    from prompt_queue.store.database import Database

Model = Annotated[str | None, typer.Option(help="Only the calls to this model, such as grok-4.7.")]
Band = Annotated[
    str | None,
    typer.Option(help="Only jobs of these priorities: low, normal, high, critical, 5 or 1-3."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(pause)
    app.command()(resume)


def pause(
    model: Model = None,
    band: Band = None,
    reason: Annotated[
        str | None, typer.Option(help="For whoever looks at the queue meanwhile.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Stop the queue: running jobs are finished, new ones are taken in and wait."""
    priorities = _range(band, model)

    async def work(database: "Database", _settings: "Settings") -> bool:
        from prompt_queue.store.operator_store import OperatorStore

        return await OperatorStore(database).pause(model, reason, f"cli:{operator()}", priorities)

    _say(run_with_database(data_dir, work), model, priorities, "paused", as_json)


def resume(
    model: Model = None,
    band: Band = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Let the queue go on."""
    priorities = _range(band, model)

    async def work(database: "Database", _settings: "Settings") -> bool:
        from prompt_queue.store.operator_store import OperatorStore

        return await OperatorStore(database).resume(model, f"cli:{operator()}", priorities)

    _say(run_with_database(data_dir, work), model, priorities, "running", as_json)


def _range(band: str | None, model: str | None) -> tuple[int, int] | None:
    if band is None:
        return None
    if model is not None:
        raise typer.BadParameter("give --model or --band, one of them")
    found = read_range(band)
    if found is None:
        raise typer.BadParameter(
            f"--band is {', '.join(BANDS)}, or priorities from {LOWEST} to {HIGHEST} as in 1-3"
        )
    return found


def _say(
    changed: bool,
    model: str | None,
    priorities: tuple[int, int] | None,
    word: str,
    as_json: bool,
) -> None:
    if as_json:
        what: dict[str, object] = {"model": model}
        if priorities:
            what["priorities"] = {"from": priorities[0], "to": priorities[1]}
        print_json({**what, "state": word, "changed": changed})
    else:
        now = "is now" if changed else "was already"
        name = f"the band of {in_words(*priorities)}" if priorities else model or "the queue"
        print_text(f"{name} {now} {word}")
