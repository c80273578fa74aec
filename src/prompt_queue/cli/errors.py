"""How a command ends: the exit codes, and one line for each error that we know."""

import sys
from collections.abc import Mapping
from enum import IntEnum
from traceback import format_exception
from types import TracebackType
from typing import Final

from prompt_queue.jobs.redaction import escaped, redact

_LONGEST_LINE = 1000


class ExitCode(IntEnum):
    """What the shell is told."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4


class CommandFailed(Exception):
    """A command cannot do what was asked; each line of the message is a sentence of its own."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


# By name, because importing them all would make every command slow to start.
KNOWN_ERRORS: Final[Mapping[str, ExitCode]] = {
    "prompt_queue.settings:SettingsError": ExitCode.USAGE,
    "prompt_queue.worker.run:CannotWork": ExitCode.USAGE,
    "prompt_queue.asgi:CannotServe": ExitCode.UNREACHABLE,
    "prompt_queue.cli.up:CannotStart": ExitCode.UNREACHABLE,
    "prompt_queue.store.embedded:EmbeddedPostgresError": ExitCode.UNREACHABLE,
    "prompt_queue.store.database:DatabaseUnavailable": ExitCode.UNREACHABLE,
    "prompt_queue.store.database:DatabaseRefused": ExitCode.FAILED,
    "prompt_queue.store.migrate:MigrationError": ExitCode.FAILED,
    "prompt_queue.simulator.process:StandInError": ExitCode.UNREACHABLE,
    # What the driver says where the store did not translate it.
    "asyncpg:PostgresError": ExitCode.FAILED,
}


def exit_code_of(error: BaseException) -> ExitCode | None:
    """The code for an error that we know, None for a bug of ours."""
    if isinstance(error, CommandFailed):
        return error.code
    for path, code in KNOWN_ERRORS.items():
        module, _, name = path.partition(":")
        # A module that was never imported cannot have raised its error.
        if module in sys.modules and isinstance(error, getattr(sys.modules[module], name)):
            return code
    return None


def print_error(message: str) -> None:
    """Write each line of the message as `error: ...` to standard error, without secrets."""
    for line in message.splitlines() or ["the command failed"]:
        if line.strip():
            sys.stderr.write(f"error: {redact(line.strip(), _LONGEST_LINE)}\n")
    sys.stderr.flush()


def print_bug(
    kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None
) -> None:
    """Write the traceback of a bug of ours to standard error, without secrets."""
    for line in "".join(format_exception(kind, error, traceback)).rstrip("\n").split("\n"):
        sys.stderr.write(redact(escaped(line), _LONGEST_LINE) + "\n")
    sys.stderr.flush()
