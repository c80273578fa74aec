"""`serve` and `work`: one process each, on the database of DATABASE_URL or the embedded one."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from prompt_queue import __version__
from prompt_queue.settings import Settings, load_settings, secrets_of
from prompt_queue.simulator.lifeline import hold_lifeline
from prompt_queue.telemetry import Event, configure_logging, log, watch_last_words
from prompt_queue.tracing.setup import TracingUnavailable, start_tracing

DataDir = Annotated[
    Path | None, typer.Option(help="Where the embedded database, uploads and keys live.")
]
Host = Annotated[
    str | None, typer.Option(help="Address to bind; loopback only without an identity.")
]
Port = Annotated[int | None, typer.Option(help="Port of the HTTP server.", min=0, max=65535)]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(serve)
    app.command()(work)


def serve(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Run the HTTP server alone."""
    hold_lifeline()
    settings = load_settings(host=host, port=port, data_dir=data_dir)
    begin_log(settings)
    from prompt_queue.asgi import serve as serve_http

    with database_dsn(settings) as dsn, traced("prompt-queue-server"):
        serve_http(settings, dsn)


def work(data_dir: DataDir = None) -> None:
    """Run one worker process; start as many as you like, on as many machines as you like."""
    hold_lifeline()
    settings = load_settings(data_dir=data_dir)
    begin_log(settings)
    import uvloop

    from prompt_queue.worker.run import run_worker

    with (
        database_dsn(settings) as dsn,
        traced("prompt-queue-worker"),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as run,
    ):
        run.run(run_worker(settings, dsn))


def begin_log(settings: Settings) -> None:
    """From here on lines are written as the settings say, and none shows a secret of theirs."""
    secrets = secrets_of(settings)
    configure_logging(settings.log_level, settings.log_format, secrets)
    watch_last_words(secrets)


@contextmanager
def traced(service: str) -> Iterator[None]:
    """Spans are made in the block where OTEL_* asks for them; without traces, work goes on."""
    stop = None
    try:
        stop = start_tracing(os.environ, service, __version__)
    except TracingUnavailable as error:
        log(Event.TRACING_UNAVAILABLE, level="warning", reason=str(error))
    try:
        yield
    finally:
        if stop is not None:
            stop()


def say(line: str) -> None:
    """One line for the person at the terminal, beside the log."""
    typer.echo(line, err=True)


@contextmanager
def database_dsn(settings: Settings) -> Iterator[str]:
    """The DSN to use; the embedded server runs at least as long as the block.

    Raises EmbeddedPostgresError.
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    from prompt_queue.store.embedded import EmbeddedPostgres, default_data_dir

    server = EmbeddedPostgres(settings.data_dir or default_data_dir(), report=say)
    try:
        yield server.start()
    finally:
        server.close()
