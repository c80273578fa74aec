"""`migrate` and `simulate`: what an operator starts by hand."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from prompt_queue.cli.context import dsn_of, file_name
from prompt_queue.cli.errors import CommandFailed, ExitCode
from prompt_queue.cli.options import AsJson, DataDir
from prompt_queue.cli.output import print_json, print_text
from prompt_queue.cli.waiting import spinner
from prompt_queue.simulator.key import DEFAULT_API_KEY, KEY_VARIABLE

if TYPE_CHECKING:
    from prompt_queue.store.migrate import Report

STAND_IN_PORT = 8090


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(migrate)
    app.command()(simulate)


def migrate(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the SQL that would be run, and run nothing.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Bring the database to this version; does nothing where it is there already."""
    from prompt_queue.settings import load_settings
    from prompt_queue.store.migrate import migrate as apply
    from prompt_queue.store.migrate import read_migrations

    with dsn_of(load_settings(data_dir=data_dir)) as dsn, spinner("applying migrations"):
        report = asyncio.run(apply(dsn, read_migrations(), dry_run=dry_run))
    if as_json:
        _print_report_as_json(report, dry_run)
    elif dry_run:
        _print_sql(report)
    else:
        for migration in report.applied:
            print_text(f"applied {file_name(migration)}")
        if not report.applied:
            print_text(f"already at head: {file_name(report.already[-1])}")


def _print_report_as_json(report: "Report", dry_run: bool) -> None:
    already = [file_name(migration) for migration in report.already]
    if dry_run:
        pending = [{"file": file_name(m), "sql": m.sql} for m in report.applied]
        print_json({"already": already, "pending": pending})
    else:
        print_json({"already": already, "applied": [file_name(m) for m in report.applied]})


def _print_sql(report: "Report") -> None:
    for migration in report.applied:
        sys.stdout.write(f"-- {file_name(migration)}\n{migration.sql.rstrip()}\n\n")
    if not report.applied:
        sys.stdout.write(f"-- already at head: {file_name(report.already[-1])}\n")


def simulate(
    port: Annotated[
        int, typer.Option(help="Port on 127.0.0.1; 0 takes any free one.", min=0, max=65535)
    ] = STAND_IN_PORT,
    latency: Annotated[float, typer.Option(help="Seconds that each answer takes.", min=0)] = 0.0,
    seed: Annotated[int, typer.Option(help="Seeds the dice of scripted faults.")] = 1,
    api_key: Annotated[
        str | None,
        typer.Option(
            help="The one key that is accepted. Other accounts of the machine see it here, and not "
            f"in the environment.  [default: {DEFAULT_API_KEY}]",
            envvar=KEY_VARIABLE,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the stand-in for xAI until Ctrl-C; its prompts are made up by a local program."""
    from prompt_queue.simulator.run import run_simulator

    key_shown = DEFAULT_API_KEY if api_key is None else None
    out = sys.stdout

    def announce(bound: int) -> None:
        base = f"http://127.0.0.1:{bound}/v1"
        with contextlib.redirect_stdout(out):
            if as_json:
                print_json({"standIn": True, "xaiApiBase": base, "xaiApiKey": key_shown})
            else:
                _print_directions(base, key_shown)

    try:
        # The stand-in announces itself on standard output, which is ours.
        with contextlib.redirect_stdout(sys.stderr):
            run_simulator(
                port=port,
                latency_seconds=latency,
                seed=seed,
                api_key=api_key or DEFAULT_API_KEY,
                ready_fd=_told_port(announce),
            )
    except OSError as error:
        raise CommandFailed(
            f"port {port} is not to be had ({error.strerror}); choose another with --port",
            ExitCode.UNREACHABLE,
        ) from None


def _told_port(announce: Callable[[int], None]) -> int:
    """A descriptor to which the port is written; `announce` is called with it from a thread."""
    read_end, write_end = os.pipe()

    def wait_for_it() -> None:
        with os.fdopen(read_end) as told:
            line = told.readline().strip()
        if line:
            announce(int(line))

    threading.Thread(target=wait_for_it, name="stand-in-port", daemon=True).start()
    return write_end


def _print_directions(base: str, key: str | None) -> None:
    print_text("STAND-IN for xAI: prompts are made up by a local program, not by Grok.", "yellow")
    print_text("Point prompt-queue, or any client of xAI, at it with:\n")
    print_text(f"export XAI_API_BASE={base}")
    print_text(f"export XAI_API_KEY={key or '(the key that you gave)'}\n")
    print_text("Ctrl-C stops it.")
