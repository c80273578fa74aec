"""The files of an embedded data directory: their names, their locks and the guardian's status."""

import errno
import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

ROLE = "prompt_queue"
DATABASE = "prompt_queue"
PORT = 5432


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot serve; the text is one sentence with what to do about it."""


@dataclass(frozen=True)
class Layout:
    """Where everything that belongs to one embedded server lives."""

    data_dir: Path

    @property
    def users_lock(self) -> Path:
        """Held shared by every process that needs the server."""
        return self.data_dir / "users.lock"

    @property
    def guardian_lock(self) -> Path:
        """Held exclusively by the one guardian."""
        return self.data_dir / "guardian.lock"

    @property
    def guardian_log(self) -> Path:
        """What the guardian had to say."""
        return self.data_dir / "guardian.log"

    @property
    def status(self) -> Path:
        """The guardian's present `Status`, replaced atomically."""
        return self.data_dir / "guardian.json"

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own files, or a symlink to them."""
        return self.data_dir / "postgres"

    @property
    def postgres_log(self) -> Path:
        """The server's log."""
        return self.data_dir / "postgres.log"

    @property
    def password(self) -> Path:
        """The generated password of the only role."""
        return self.data_dir / "password"

    @property
    def passfile(self) -> Path:
        """The same password as libpq's PGPASSFILE wants it."""
        return self.data_dir / "pgpass"

    @property
    def run_dir(self) -> Path:
        """The preferred socket directory."""
        return self.data_dir / "run"

    @property
    def socket_record(self) -> Path:
        """Names the socket directory where `run_dir` will not do."""
        return self.data_dir / "socket-dir"


class Phase(StrEnum):
    """What the guardian is doing, in words fit for a progress line."""

    PREPARING = "PostgreSQL is being prepared"
    CREATING = "PostgreSQL is creating its database"
    WAITING = "PostgreSQL is waiting for an earlier server on the same directory to end"
    STARTING = "PostgreSQL is starting"
    RECOVERING = "PostgreSQL is recovering after a crash"
    READY = "PostgreSQL is ready"
    STOPPING = "PostgreSQL is stopping"


@dataclass(frozen=True)
class Status:
    """What the guardian tells the processes that wait for it."""

    guardian_pid: int
    phase: Phase
    socket_dir: str = ""
    postmaster_pid: int = 0
    failure: str = ""
    note: str = ""


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically; only its owner may read it. Raises OSError."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def write_status(layout: Layout, status: Status) -> None:
    """Publish the guardian's status. Raises OSError."""
    write_private(layout.status, json.dumps(asdict(status)))


def read_status(layout: Layout) -> Status | None:
    """Return the status of a guardian that is alive or has just failed; None when there is none."""
    try:
        fields = json.loads(layout.status.read_text(encoding="utf-8"))
        return Status(**{**fields, "phase": Phase(fields["phase"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def open_lock(path: Path) -> int:
    """Open a lock file, made if absent, and return its descriptor. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def try_lock(descriptor: int, operation: int) -> bool:
    """Take an flock without waiting; `operation` is LOCK_SH or LOCK_EX. Raises OSError."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def still_names(path: Path, descriptor: int) -> bool:
    """Tell whether the path still leads to the open file, or was deleted or replaced."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def guardian_is_alive(layout: Layout) -> bool:
    """Tell whether a guardian holds its lock. Raises OSError."""
    descriptor = open_lock(layout.guardian_lock)
    try:
        return not try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def process_exists(pid: int) -> bool:
    """Tell whether a process has this id, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def open_log(path: Path) -> int:
    """Open a log for appending, readable by its owner only. Raises OSError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)


def last_line(path: Path) -> str:
    """Return the last line of a log that is not blank, or an empty string."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def disk_is_full(directory: Path) -> bool:
    """Tell whether less is free than one segment of PostgreSQL's log needs (16 MiB)."""
    try:
        return shutil.disk_usage(directory).free < 16 * 1024 * 1024
    except OSError:
        return False


def explain_os_error(doing: str, path: Path, error: OSError) -> str:
    """Turn a failed system call on one of our files into a sentence that says what to do."""
    advice = {
        errno.ENOSPC: "free some space on that disk and start again",
        errno.EDQUOT: "free some space within the account's quota and start again",
        errno.EROFS: "it lies on a read-only file system, so choose another --data-dir",
        errno.EACCES: "choose a --data-dir that this account may write, or start as its owner",
        errno.EPERM: "choose a --data-dir that this account may write, or start as its owner",
        errno.ENOTDIR: "a file is in the way, so choose another --data-dir",
        errno.EEXIST: "a file is in the way, so choose another --data-dir",
        errno.ENOLCK: "its file system has no file locks, so choose a --data-dir on a local disk",
        errno.EOPNOTSUPP: "its file system lacks what is needed, so choose a --data-dir on a "
        "local disk",
    }.get(error.errno or 0, "choose a --data-dir that can be written")
    reason = error.strerror or str(error)
    return f"The embedded PostgreSQL cannot {doing} {path} ({reason}): {advice}."
