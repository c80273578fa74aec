"""What an earlier server left behind: still running, or only its pid file."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from prompt_queue.store.embedded_account import Account, write_as
from prompt_queue.store.embedded_layout import EmbeddedPostgresError, process_exists
from prompt_queue.store.embedded_server import read_pid_file

_PATIENCE_SECONDS = ((signal.SIGINT, 120.0), (signal.SIGQUIT, 20.0), (signal.SIGKILL, 20.0))


def clear_leftovers(
    cluster: Path, account: Account | None, keep_waiting: Callable[[], None]
) -> None:
    """Stop a server that outlived its guardian, and disarm a pid file that names a stranger.

    Only for who holds the guardian's lock. `keep_waiting` is called again and again while a server
    stops. Raises OSError, and EmbeddedPostgresError if a server cannot be stopped.
    """
    lines = read_pid_file(cluster)
    if not lines or not lines[0].isdecimal():
        return
    pid = int(lines[0])
    if not process_exists(pid):
        return
    if is_postmaster_of(pid, cluster):
        _stop(pid, cluster, keep_waiting)
        return
    # Deleting the file would also delete the key of the old shared memory, by which PostgreSQL
    # sees that processes of the dead server still run. A pid that is the new server's own parent
    # counts as dead for PostgreSQL, and the rest of the file stays.
    text = "\n".join([str(os.getpid()), *lines[1:]]) + "\n"
    write_as(account, cluster / "postmaster.pid", text.encode())


def is_postmaster_of(pid: int, cluster: Path) -> bool:
    """Tell whether this process is the PostgreSQL server of this cluster."""
    command = _command_line(pid)
    if "postgres" not in command or command.startswith("postgres:"):
        return False
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == Path(os.path.realpath(cluster))
    except OSError:
        return str(cluster) in command


def _command_line(pid: int) -> str:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        return raw.replace(b"\0", b" ").decode("utf-8", errors="replace")
    except OSError:
        pass
    try:
        shown = subprocess.run(
            ["ps", "-ww", "-o", "args=", "-p", str(pid)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError:
        return ""
    return shown.stdout.strip()


def _stop(pid: int, cluster: Path, keep_waiting: Callable[[], None]) -> None:
    for number, patience in _PATIENCE_SECONDS:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not is_postmaster_of(pid, cluster):
                return
            keep_waiting()
            time.sleep(0.05)
    raise EmbeddedPostgresError(
        f"An earlier PostgreSQL server (process {pid}) still runs on {cluster} and cannot be "
        f"stopped: end it with `kill -9 {pid}`, or restart the machine."
    )
