"""What a process does on its way to the embedded server: directory, guardian, first connection."""

import os
import subprocess
import sys
from enum import Enum, auto
from pathlib import Path

from prompt_queue.store.embedded_account import ACCOUNT_VARIABLE
from prompt_queue.store.embedded_layout import (
    DATABASE,
    PORT,
    ROLE,
    EmbeddedPostgresError,
    Layout,
    disk_is_full,
    last_line,
    open_log,
)

_GUARDIAN = "prompt_queue.store.embedded_guardian"
_EXIT_ANOTHER_GUARDIAN = 75
_KEPT_VARIABLES = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "PYTHONHOME",
    "PYTHONDONTWRITEBYTECODE",
    ACCOUNT_VARIABLE,
)


def prepare_data_dir(data_dir: Path) -> None:
    """Make the data directory if it is absent. Raises OSError.

    As root, only directories made here, or found empty and owned by root, become passable for
    other accounts, which the server's account needs.
    """
    is_root = os.geteuid() == 0
    for directory in (*reversed(data_dir.parents), data_dir):
        if not directory.exists():
            try:
                directory.mkdir(mode=0o700)
            except FileExistsError:
                continue
            if is_root:
                directory.chmod(0o711)
    if is_root and not any(data_dir.iterdir()):
        found = data_dir.stat()
        if found.st_uid == 0 and not found.st_mode & 0o001:
            data_dir.chmod((found.st_mode & 0o7777) | 0o001)


def spawn_guardian(layout: Layout) -> None:
    """Start a guardian unless there is one; returns when it holds its lock, or was killed.

    Raises OSError, and EmbeddedPostgresError when it cannot come up.
    """
    if not sys.executable:
        raise EmbeddedPostgresError(
            "This Python does not know its own program (sys.executable is empty), so the embedded "
            "PostgreSQL cannot be started from it: set DATABASE_URL, or run `prompt-queue up`."
        )
    package_root = str(Path(__file__).resolve().parents[2])
    search = [package_root, *(entry for entry in sys.path if Path(entry).is_absolute())]
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(search)
    log = open_log(layout.guardian_log)
    try:
        done = subprocess.run(
            [sys.executable, "-m", _GUARDIAN, str(layout.data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment,
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(log)
    was_killed = done.returncode < 0
    if not was_killed and done.returncode not in (0, _EXIT_ANOTHER_GUARDIAN):
        raise EmbeddedPostgresError(describe_silent_end(layout))


def describe_silent_end(layout: Layout) -> str:
    """Return a sentence for a guardian that ended without saying why."""
    if disk_is_full(layout.data_dir):
        return (
            f"PostgreSQL cannot start because the disk of {layout.data_dir} is full: free some "
            "space and start again."
        )
    words = last_line(layout.guardian_log) or "it left no word"
    return (
        f"PostgreSQL's guardian ended before the server was ready ({words}): see "
        f"{layout.guardian_log}, put that right and start again."
    )


class Answer(Enum):
    """What came of an attempt to log in."""

    CONNECTED = auto()
    NOT_YET = auto()


def log_in(install: Path, layout: Layout, socket_dir: Path) -> Answer:
    """Log in once with the password, as any client would.

    Raises OSError, and EmbeddedPostgresError for a refusal that waiting will not cure.
    """
    command = [str(install / "bin" / "psql"), "-X", "-q", "-A", "-t", "-w", "-h", str(socket_dir)]
    done = subprocess.run(
        [*command, "-p", str(PORT), "-U", ROLE, "-d", DATABASE, "-c", "select 1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env={
            "PATH": os.defpath,
            "LC_ALL": "C",
            "PGPASSFILE": str(layout.passfile),
            "PGCONNECT_TIMEOUT": "10",
        },
        check=False,
    )
    return judge_log_in(done.returncode, done.stderr, layout)


def judge_log_in(code: int, output: str, layout: Layout) -> Answer:
    """Tell from psql's exit code and complaint whether the server serves.

    Raises EmbeddedPostgresError for a refusal that waiting will not cure.
    """
    full_house = "too many clients" in output or "connection slots" in output
    if code == 0 or full_house:
        return Answer.CONNECTED
    if "password authentication failed" in output or "no password supplied" in output:
        raise EmbeddedPostgresError(
            f"The database in {layout.cluster} does not accept the password in {layout.password}: "
            "put the right password file back, or delete that file, end every process that uses "
            "the database and start again, which gives it a new one."
        )
    refused = output.rpartition("FATAL:")[2].strip() if "FATAL:" in output else ""
    lasting = ("does not exist", "permission denied", "no pg_hba.conf entry", "not permitted")
    if any(words in refused for words in lasting):
        raise EmbeddedPostgresError(
            f"The database in {layout.cluster} refuses to serve ({' '.join(refused.split())}): "
            "put that right, or choose another --data-dir."
        )
    return Answer.NOT_YET
