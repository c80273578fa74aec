"""The Typer application: every command, registered in the order in which `--help` lists them."""

from typing import Annotated

import typer

import prompt_queue
from prompt_queue.cli import (
    doctor,
    enqueue,
    explain,
    jobs,
    keys,
    models,
    operate,
    pausing,
    processes,
    stats,
    status,
    up,
    user_limits,
    webhooks,
)

app = typer.Typer(
    name="prompt-queue",
    help="Pictures in, Grok prompts out: a durable queue on PostgreSQL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"prompt-queue {prompt_queue.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Pictures in, Grok prompts out: a durable queue on PostgreSQL."""


for _module in (
    up, processes, enqueue, status, explain, stats, jobs, pausing, models, user_limits,
    webhooks, keys, operate, doctor,
):  # fmt: skip
    _module.register(app)
