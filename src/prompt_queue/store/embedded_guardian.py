"""The guardian: one detached process a data directory, which keeps its PostgreSQL alive.

It runs as `python -m prompt_queue.store.embedded_guardian DATA_DIR`, started by `EmbeddedPostgres`.
As long as any process holds the users' lock, the server runs; when nobody is left, it stops.
"""

import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from prompt_queue.store.embedded_account import ACCOUNT_VARIABLE, Account, choose_account
from prompt_queue.store.embedded_binaries import install_for
from prompt_queue.store.embedded_cluster import (
    check_version,
    create_cluster,
    ensure_password,
    locate_cluster,
    owner_of_cluster,
    reset_password,
    write_hba,
)
from prompt_queue.store.embedded_layout import (
    EmbeddedPostgresError,
    Layout,
    Phase,
    Status,
    explain_os_error,
    open_lock,
    still_names,
    try_lock,
    write_status,
)
from prompt_queue.store.embedded_leftovers import clear_leftovers
from prompt_queue.store.embedded_server import Server, trim_log
from prompt_queue.store.embedded_socket import (
    ensure_socket_dir,
    remove_short_dir,
    remove_socket_files,
)

EXIT_ANOTHER_GUARDIAN = 75
_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 30.0
_SHORTEST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0
_SETTLED_AFTER = 60.0
_FAILURE_STAYS = 3.0


class NoLongerNeededError(Exception):
    """No process needs the server any more, or the guardian was told to end."""


class Guardian:
    """Keeps one server alive for as long as somebody uses it."""

    def __init__(self, layout: Layout, guardian_lock: int) -> None:
        """Take over a data directory whose guardian lock this process holds. Raises OSError."""
        self._layout = layout
        self._guardian_lock = guardian_lock
        self._users_lock = open_lock(layout.users_lock)
        self._asked_to_end = False
        self._ever_ready = False
        self._server: Server | None = None
        self._status = Status(os.getpid(), Phase.PREPARING)
        write_status(layout, self._status)

    def run(self) -> int:
        """Serve until nobody is left; returns the exit code."""
        self._status = replace(self._status, guardian_pid=os.getpid())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            self._tell(Phase.PREPARING)
            self._serve()
        except NoLongerNeededError:
            self._stop_server()
            return 0
        except EmbeddedPostgresError as error:
            return self._fail(str(error))
        except OSError as error:
            place = Path(str(error.filename or self._layout.data_dir))
            return self._fail(explain_os_error("prepare", place, error))

    def _serve(self) -> NoReturn:
        layout = self._layout
        wanted = os.environ.get(ACCOUNT_VARIABLE)
        account = choose_account(os.geteuid(), wanted, owner_of_cluster(layout))
        cluster, note = locate_cluster(layout, account)
        socket_dir = ensure_socket_dir(layout, account)
        self._status = replace(self._status, socket_dir=str(socket_dir), note=note)
        password, fresh_password = ensure_password(layout, socket_dir)
        exists = check_version(layout, cluster, socket_dir)
        install = install_for(account)
        if exists:
            self._tell(Phase.WAITING)
            clear_leftovers(cluster, account, self._check_still_needed)
            if fresh_password:
                reset_password(install, cluster, account, password)
            write_hba(cluster, account)
        else:
            self._tell(Phase.CREATING)
            create_cluster(install, cluster, account, password)
        self._keep_alive(lambda: self._start(install, cluster, account))

    def _start(self, install: Path, cluster: Path, account: Account | None) -> Server:
        clear_leftovers(cluster, account, self._check_still_needed)
        socket_dir = ensure_socket_dir(self._layout, account)
        if str(socket_dir) != self._status.socket_dir:
            ensure_password(self._layout, socket_dir)
        self._status = replace(self._status, socket_dir=str(socket_dir), failure="")
        remove_socket_files(socket_dir)
        return Server(self._layout, install, cluster, socket_dir, account)

    def _keep_alive(self, start: Callable[[], Server]) -> NoReturn:
        pause = _SHORTEST_PAUSE
        serving_or_new = time.monotonic()
        while True:
            server = self._server = start()
            self._watch(server)
            self._server = None
            log(f"the server ended: {server.last_words()}")
            now = time.monotonic()
            if server.is_ready():
                serving_or_new = now
            patient = now - serving_or_new < _PATIENCE_SECONDS
            if not server.is_ready() and not (patient and server.deserves_another_try()):
                if not self._ever_ready:
                    raise EmbeddedPostgresError(server.explanation())
                self._status = replace(self._status, failure=server.explanation())
            self._tell(Phase.STARTING)
            settled = now - server.started > _SETTLED_AFTER
            pause = _SHORTEST_PAUSE if settled else min(pause * 1.5, _LONGEST_PAUSE)
            self._rest(pause)

    def _watch(self, server: Server) -> None:
        trim_due = time.monotonic() + 60
        while not server.has_ended():
            phase = server.phase()
            if phase != self._status.phase or server.pid != self._status.postmaster_pid:
                self._status = replace(self._status, postmaster_pid=server.pid)
                self._tell(phase)
            if time.monotonic() > trim_due:
                trim_log(self._layout.postgres_log)
                trim_log(self._layout.guardian_log)
                trim_due = time.monotonic() + 60
            self._check_still_needed()
            self._ever_ready = self._ever_ready or phase is Phase.READY
            time.sleep(_POLL_SECONDS if phase is Phase.READY else 0.03)

    def _rest(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._check_still_needed()
            time.sleep(0.05)

    def _check_still_needed(self) -> None:
        if self._asked_to_end or self._is_deserted():
            raise NoLongerNeededError
        if try_lock(self._users_lock, fcntl.LOCK_EX):
            raise NoLongerNeededError

    def _is_deserted(self) -> bool:
        return not (
            still_names(self._layout.guardian_lock, self._guardian_lock)
            and still_names(self._layout.users_lock, self._users_lock)
        )

    def _stop_server(self) -> None:
        gone = self._is_deserted()
        with contextlib.suppress(OSError):
            self._tell(Phase.STOPPING)
        if self._server is not None:
            self._server.stop(now=gone)
        if self._status.socket_dir:
            socket_dir = Path(self._status.socket_dir)
            with contextlib.suppress(OSError):
                remove_socket_files(socket_dir)
            remove_short_dir(self._layout, socket_dir)
        # A newcomer waits for the users' lock, so it must find the guardian's lock free by then.
        os.close(self._guardian_lock)
        os.close(self._users_lock)

    def _fail(self, sentence: str) -> int:
        log(sentence)
        if self._server is not None:
            self._server.stop()
        self._status = replace(self._status, failure=sentence)
        with contextlib.suppress(OSError, NoLongerNeededError):
            write_status(self._layout, self._status)
            self._rest(_FAILURE_STAYS)
        return 1

    def _tell(self, phase: Phase) -> None:
        self._status = replace(self._status, phase=phase)
        try:
            write_status(self._layout, self._status)
        except OSError as error:
            # A full disk must not end a server that others are using.
            if not self._ever_ready:
                raise
            log(explain_os_error("write", self._layout.status, error))

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_end = True


def log(text: str) -> None:
    """Write one line to the guardian's log, which is this process's standard error."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    sys.stderr.write(f"{stamp} UTC [{os.getpid()}] {text}\n")
    sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """Become the guardian of a data directory, detached from who started it; returns exit codes.

    0: this directory has a new guardian; 75: another one was there before.
    """
    os.umask(0o077)
    layout = Layout(Path(arguments[0]))
    guardian_lock = open_lock(layout.guardian_lock)
    if not _lock_with_patience(guardian_lock):
        return EXIT_ANOTHER_GUARDIAN
    guardian = Guardian(layout, guardian_lock)
    if os.fork() != 0:
        os._exit(0)
    return guardian.run()


def _lock_with_patience(descriptor: int) -> bool:
    # Who only looks whether a guardian lives holds this lock for an instant.
    deadline = time.monotonic() + 0.5
    while not try_lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
