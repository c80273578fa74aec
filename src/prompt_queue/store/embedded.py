"""The PostgreSQL that ships in a wheel: started on demand, shared by all users of a directory."""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from prompt_queue.store.embedded_binaries import PRIVATE_ROOT, find_install
from prompt_queue.store.embedded_entry import (
    Answer,
    describe_silent_end,
    log_in,
    prepare_data_dir,
    spawn_guardian,
)
from prompt_queue.store.embedded_layout import (
    DATABASE,
    PORT,
    ROLE,
    EmbeddedPostgresError,
    Layout,
    Phase,
    Status,
    explain_os_error,
    guardian_is_alive,
    open_lock,
    process_exists,
    read_status,
    still_names,
    try_lock,
)

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "default_data_dir"]

_POLL_SECONDS = 0.05
_MOST_GUARDIANS = 5
_READY_BUT_CLOSED_SECONDS = 30.0
_CLOSE_SECONDS = 20.0


def default_data_dir() -> Path:
    """Return where the database lives unless another directory is named."""
    if os.geteuid() == 0:
        return PRIVATE_ROOT
    base = os.environ.get("XDG_DATA_HOME", "")
    home = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share"
    return home / "prompt-queue"


class EmbeddedPostgres:
    """This process's hold on the embedded server of one data directory.

    The server runs in processes of its own for as long as any process holds on to it, is started
    again when it is killed, and stops when the last holder is gone, however that one ended.
    Every method blocks. `report` gets lines for the user, from `start` and from a thread.
    """

    def __init__(
        self, data_dir: Path, *, report: Callable[[str], None] = lambda line: None
    ) -> None:
        """Name the data directory; nothing is touched before `start`."""
        self._layout = Layout(Path(os.path.realpath(data_dir.expanduser())))
        self._report = report
        self._users_lock: int | None = None
        self._holder_pid = 0
        self._socket_dir: Path | None = None
        self._closing = threading.Event()
        self._watch: threading.Thread | None = None

    @property
    def socket_dir(self) -> Path:
        """The directory of the server's socket. Raises EmbeddedPostgresError before `start`."""
        if self._socket_dir is None:
            raise EmbeddedPostgresError(
                "The embedded PostgreSQL has no socket yet: call start() first."
            )
        return self._socket_dir

    @property
    def passfile(self) -> Path:
        """The password as libpq reads it: `PGPASSFILE=... psql -h SOCKET_DIR -U prompt_queue`."""
        return self._layout.passfile

    def start(self) -> str:
        """Join the server, starting it if need be, and return a DSN that connects to it.

        Waits as long as the server makes its way, crash recovery included. May be called again.
        Raises EmbeddedPostgresError with one sentence when the server cannot serve.
        """
        progress = _Progress(self._report)
        try:
            install = find_install()
            prepare_data_dir(self._layout.data_dir)
            if self._users_lock is None:
                self._users_lock = self._hold(progress)
                self._holder_pid = os.getpid()
            self._socket_dir = self._wait_until_served(install, progress)
            dsn = self._dsn(self._socket_dir)
        except OSError as error:
            self.close()
            place = Path(str(error.filename or self._layout.data_dir))
            raise EmbeddedPostgresError(explain_os_error("use", place, error)) from error
        except BaseException:
            self.close()
            raise
        if self._watch is None:
            self._closing.clear()
            self._watch = threading.Thread(
                target=self._keep_guardian, name="embedded-postgres", daemon=True
            )
            self._watch.start()
        return dsn

    def close(self) -> None:
        """Let go of the server; the last one to do so waits until it has stopped (20 s at most)."""
        self._closing.set()
        watch, self._watch = self._watch, None
        if watch is not None and watch is not threading.current_thread():
            watch.join()
        users_lock, self._users_lock = self._users_lock, None
        if users_lock is None:
            return
        try:
            is_last = self._holder_pid == os.getpid() and _is_only_holder(users_lock)
        finally:
            os.close(users_lock)
        if is_last:
            self._wait_until_stopped()

    def __enter__(self) -> Self:
        """Start, and close at the end of the block."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _hold(self, progress: "_Progress") -> int:
        while True:
            descriptor = open_lock(self._layout.users_lock)
            try:
                while still_names(self._layout.users_lock, descriptor):
                    if try_lock(descriptor, fcntl.LOCK_SH):
                        return descriptor
                    progress.tell(Phase.STOPPING)
                    time.sleep(_POLL_SECONDS)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _wait_until_served(self, install: Path, progress: "_Progress") -> Path:
        earlier_failure = _failed(read_status(self._layout))
        guardians = 0
        ready_since: float | None = None
        while True:
            status = None
            if guardian_is_alive(self._layout):
                status = read_status(self._layout)
            elif guardians == _MOST_GUARDIANS:
                raise EmbeddedPostgresError(describe_silent_end(self._layout))
            else:
                guardians += 1
                spawn_guardian(self._layout)
            if status is None or not process_exists(status.guardian_pid):
                time.sleep(_POLL_SECONDS)
                continue
            if status.failure and status != earlier_failure:
                raise EmbeddedPostgresError(status.failure)
            if status.phase is Phase.READY:
                socket_dir = Path(status.socket_dir)
                if log_in(install, self._layout, socket_dir) is Answer.CONNECTED:
                    if guardians and status.note:
                        self._report(status.note)
                    return socket_dir
                ready_since = ready_since or time.monotonic()
                if time.monotonic() - ready_since > _READY_BUT_CLOSED_SECONDS:
                    raise EmbeddedPostgresError(
                        f"PostgreSQL runs but cannot be reached in {socket_dir}: see "
                        f"{self._layout.postgres_log}, end every process that uses it and start "
                        "again."
                    )
            else:
                ready_since = None
                progress.tell(status.phase)
            time.sleep(_POLL_SECONDS)

    def _dsn(self, socket_dir: Path) -> str:
        password = self._layout.password.read_text(encoding="ascii").strip()
        host = quote(str(socket_dir), safe="/")
        return f"postgresql://{ROLE}:{password}@/{DATABASE}?host={host}&port={PORT}"

    def _keep_guardian(self) -> None:
        pause = 1.0
        while not self._closing.wait(pause):
            try:
                if self._is_deserted() or guardian_is_alive(self._layout):
                    pause = 1.0
                    continue
                self._report("PostgreSQL's guardian was gone; a new one is being started.")
                spawn_guardian(self._layout)
            except (OSError, EmbeddedPostgresError) as error:
                self._report(f"PostgreSQL cannot be watched over: {error}")
            pause = min(pause * 2, 30.0)

    def _is_deserted(self) -> bool:
        # Whoever deletes a data directory does not want to find a new server in it.
        users_lock = self._users_lock
        return users_lock is None or not still_names(self._layout.users_lock, users_lock)

    def _wait_until_stopped(self) -> None:
        deadline = time.monotonic() + _CLOSE_SECONDS
        wanted_again = time.monotonic() + 1.5
        with contextlib.suppress(OSError):
            while time.monotonic() < deadline and guardian_is_alive(self._layout):
                status = read_status(self._layout)
                stopping = status is not None and status.phase is Phase.STOPPING
                if not stopping and time.monotonic() > wanted_again:
                    return
                time.sleep(_POLL_SECONDS)


class _Progress:
    """Tells a waiting user once a second, after two, what is being waited for."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._began = time.monotonic()
        self._next = 2

    def tell(self, phase: Phase) -> None:
        seconds = int(time.monotonic() - self._began)
        if seconds >= self._next:
            self._next = seconds + 1
            self._report(f"{phase.value} ({seconds} s) ...")


def _failed(status: Status | None) -> Status | None:
    return status if status is not None and status.failure else None


def _is_only_holder(users_lock: int) -> bool:
    if not try_lock(users_lock, fcntl.LOCK_EX):
        return False
    # A forked child may share this lock, and must not be left holding it against everybody.
    return try_lock(users_lock, fcntl.LOCK_SH)
