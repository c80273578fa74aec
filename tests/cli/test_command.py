"""The command as a whole: version, start-up, exit codes, and one line for each known error."""

import asyncio
import importlib
import signal
import sys

from prompt_queue.cli.errors import KNOWN_ERRORS, ExitCode, exit_code_of
from prompt_queue.cli.errors import print_error as print_error_lines
from prompt_queue.store.migrate import MigrationError
from tests.cli.shell import Shell, ended, error_lines


async def test_version_is_printed(bare_shell: Shell) -> None:
    """`--version` names the program and its version on standard output."""
    ran = await bare_shell.run("--version")
    assert (ran.code, ran.out, ran.err) == (0, "prompt-queue 0.1.0\n", "")


async def test_help_lists_every_command(bare_shell: Shell) -> None:
    """`--help` names all commands, the owner's three among them."""
    ran = await bare_shell.run("--help")
    assert ran.code == 0
    wanted = "up serve work migrate enqueue status stats jobs retry cancel simulate doctor"
    assert [name for name in wanted.split() if f"│ {name} " not in ran.out] == []


async def test_commands_load_nothing_heavy_before_they_run() -> None:
    """Driver, HTTP client, settings and tables are imported by the command that needs them."""
    modules = "doctor enqueue jobs operate stats status"
    heavy = ("asyncpg", "aiohttp", "fastapi", "pydantic", "structlog", "PIL", "rich.table")
    code = (
        f"import sys; from prompt_queue.cli import {', '.join(modules.split())}; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    ran = await ended(process)
    assert (ran.out, ran.err) == ("[]\n", "")


def test_every_known_error_exists() -> None:
    """Each error of the table can be found under its name, and is given its code."""
    for path, code in KNOWN_ERRORS.items():
        module, _, name = path.partition(":")
        kind = getattr(importlib.import_module(module), name)
        assert exit_code_of(kind.__new__(kind)) is code, path


def test_a_bug_of_ours_is_not_taken_for_a_known_error() -> None:
    """Known errors and their subclasses have a code, everything else has none."""

    class Special(MigrationError):
        pass

    assert exit_code_of(Special("edited")) is ExitCode.FAILED
    assert exit_code_of(KeyError("bug")) is None


def test_errors_never_show_secrets(capsys) -> None:  # type: ignore[no-untyped-def]
    """Passwords in a DSN and keys are blotted out of every line."""
    print_error_lines("cannot use postgresql://me:hunter2@db/x\nkey xai-abcdef123 is wrong")
    assert capsys.readouterr().err.splitlines() == [
        "error: cannot use postgresql:***db/x",
        "error: key *** is wrong",
    ]


async def test_wrong_settings_are_one_line_each(bare_shell: Shell) -> None:
    """Two wrong variables give two `error:` lines and exit code 2."""
    wrong = bare_shell.with_environment(PROMPT_QUEUE_PROT="1", PROMPT_QUEUE_WORKRS="2")
    ran = await wrong.run("stats")
    assert (ran.code, ran.out) == (2, "")
    assert error_lines(ran) == [
        "error: PROMPT_QUEUE_PROT is not a setting; did you mean PROMPT_QUEUE_PORT?",
        "error: PROMPT_QUEUE_WORKRS is not a setting; did you mean PROMPT_QUEUE_WORKERS?",
    ]


async def test_an_unreachable_database_is_one_line_without_the_password(
    bare_shell: Shell,
) -> None:
    """No server at DATABASE_URL: exit code 3, and the password stays out of it."""
    away = bare_shell.with_environment(DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/x")
    ran = await away.run("jobs", "--json")
    assert (ran.code, ran.out) == (3, "")
    (line,) = error_lines(ran)
    assert line.startswith("error: PostgreSQL cannot be reached")
    assert "hunter2" not in line


async def test_a_database_without_schema_says_what_to_run(
    bare_shell: Shell, empty_database_url: str
) -> None:
    """A database that was never migrated gives the sentence with the command."""
    empty = bare_shell.with_environment(DATABASE_URL=empty_database_url)
    ran = await empty.run("stats")
    assert ran.code == 3
    (line,) = error_lines(ran)
    assert line.startswith("error: the database lacks ")
    assert line.endswith("run: prompt-queue migrate")


async def test_wrong_usage_has_code_2(shell: Shell) -> None:
    """A malformed id is refused before anything is opened."""
    ran = await shell.run("status", "not-a-uuid")
    assert (ran.code, ran.out) == (2, "")
    assert "Invalid value for 'ID'" in ran.err


async def test_ctrl_c_leaves_no_traceback(shell: Shell) -> None:
    """An interrupted `stats --watch` ends with 130 and without a word."""
    process = await shell.start("stats", "--watch")
    assert process.stdout is not None
    first = await process.stdout.readline()
    assert first.startswith(b"queued 0")
    process.send_signal(signal.SIGINT)
    ran = await ended(process)
    assert (ran.code, error_lines(ran)) == (130, [])


async def test_a_reader_that_leaves_is_no_error(shell: Shell) -> None:
    """`stats --watch | head -1` ends when head does, without a traceback."""
    process = await shell.start("stats", "--watch")
    assert process.stdout is not None
    assert process.stderr is not None
    await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]
    async with asyncio.timeout(20):
        err = await process.stderr.read()
        await process.wait()
    assert b"Traceback" not in err
