"""One life of the PostgreSQL server: start it as a child, watch it, stop it, explain its end."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from prompt_queue.store.embedded_account import Account, run_as
from prompt_queue.store.embedded_cluster import decisive_line, explain_output
from prompt_queue.store.embedded_layout import Layout, Phase, open_log

LOG_LIMIT = 10 * 1024 * 1024
_STATUS_LINE = 7

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "idle_in_transaction_session_timeout": "60s",
    "client_connection_check_interval": "10s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}


class Server:
    """A postmaster that is this process's child."""

    def __init__(
        self,
        layout: Layout,
        install: Path,
        cluster: Path,
        socket_dir: Path,
        account: Account | None,
    ) -> None:
        """Start the server. Raises OSError."""
        self._layout = layout
        self._cluster = cluster
        self._ready = False
        trim_log(layout.postgres_log)
        settings = {**SETTINGS, "unix_socket_directories": str(socket_dir)}
        command = [str(install / "bin" / "postgres"), "-D", str(cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        log = open_log(layout.postgres_log)
        try:
            self._log_start = os.fstat(log).st_size
            self.started = time.monotonic()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"LC_ALL": "C", "PATH": os.defpath},
                **run_as(account),
            )
        finally:
            os.close(log)

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Tell whether the server is gone."""
        return self._process.poll() is not None

    def is_ready(self) -> bool:
        """Tell whether the server has begun to accept connections."""
        if not self._ready:
            lines = read_pid_file(self._cluster)
            self._ready = (
                len(lines) > _STATUS_LINE
                and lines[0] == str(self.pid)
                and lines[_STATUS_LINE] == "ready"
            )
        return self._ready

    def phase(self) -> Phase:
        """Tell what the server is doing."""
        if self.is_ready():
            return Phase.READY
        crashed = "not properly shut down" in self._log() or "was interrupted" in self._log()
        return Phase.RECOVERING if crashed else Phase.STARTING

    def deserves_another_try(self) -> bool:
        """Tell whether it was killed, or met a killed server whose processes still go away."""
        log = self._log()
        was_killed = (self._process.returncode or 0) < 0
        return (
            was_killed
            or "pre-existing shared memory block" in log
            or "Is another postmaster" in log
        )

    def last_words(self) -> str:
        """Return the line of its log that says why it ended."""
        return decisive_line(self._log())

    def explanation(self) -> str:
        """Return one sentence on why the server ended."""
        output = self._log() or f"FATAL:  exit code {self._process.returncode}"
        sentence = explain_output(output, "server", self._layout.data_dir)
        return f"{sentence[:-1]}; its whole log is {self._layout.postgres_log}."

    def stop(self, *, now: bool = False) -> None:
        """Stop the server and wait for its end; `now` leaves recovery to the next start."""
        steps = [(signal.SIGINT, 120.0), (signal.SIGQUIT, 20.0), (signal.SIGKILL, 20.0)]
        for number, patience in steps[1:] if now else steps:
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=patience)
                return

    def _log(self) -> str:
        try:
            with self._layout.postgres_log.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(self._log_start, size - 64 * 1024) if size > self._log_start else 0)
                return file.read().decode("utf-8", errors="replace")
        except OSError:
            return ""


def trim_log(path: Path) -> None:
    """Keep one older copy of a log that has grown large; its writers go on appending."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > LOG_LIMIT:
            older = path.with_name(f"{path.name}.1")
            older.unlink(missing_ok=True)
            older.touch(mode=0o600)
            older.write_bytes(path.read_bytes())
            os.truncate(path, 0)


def read_pid_file(cluster: Path) -> list[str]:
    """Return the lines of a cluster's postmaster.pid; none when there is no such file."""
    try:
        text = (cluster / "postmaster.pid").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines()]
