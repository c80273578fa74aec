"""Which account the server runs as, and doing something as that account."""

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prompt_queue.store.embedded_layout import EmbeddedPostgresError

ACCOUNT_VARIABLE = "PROMPT_QUEUE_POSTGRES_USER"
_PR_SET_PDEATHSIG = 1
_EXIT_NO_ERRNO = 255
_CANDIDATES = ("postgres", "_postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """An unprivileged account that root hands the server to."""

    name: str
    uid: int
    gid: int


def choose_account(euid: int, wanted: str | None, cluster_owner: int | None) -> Account | None:
    """Return the account for a server started by `euid`; None means this very account.

    `cluster_owner` is the uid that owns an existing cluster. Raises EmbeddedPostgresError when no
    unprivileged account will do, or when the cluster belongs to somebody else.
    """
    if euid != 0:
        if cluster_owner not in (None, euid):
            raise EmbeddedPostgresError(
                f"The database belongs to the account {_name_of(cluster_owner)}: start as the "
                "account that made it, or choose another --data-dir."
            )
        return None
    if cluster_owner == 0:
        raise EmbeddedPostgresError(
            "The database belongs to root, as which PostgreSQL refuses to run: give it to an "
            "unprivileged account with `chown -R`, for example to nobody."
        )
    if wanted:
        account = _look_up(wanted)
        if account is None:
            raise EmbeddedPostgresError(
                f"{ACCOUNT_VARIABLE} names the account {wanted!r}, which does not exist: "
                "name one that does."
            )
        if account.uid == 0:
            raise EmbeddedPostgresError(
                f"{ACCOUNT_VARIABLE} names {wanted!r}, which is root, as which PostgreSQL refuses "
                "to run: name an unprivileged account."
            )
        if cluster_owner not in (None, account.uid):
            raise EmbeddedPostgresError(
                f"{ACCOUNT_VARIABLE} names {wanted!r}, but the database belongs to "
                f"{_name_of(cluster_owner)}: name that account or choose another --data-dir."
            )
        return account
    if cluster_owner is not None:
        return _account_with_uid(cluster_owner)
    for name in _CANDIDATES:
        account = _look_up(name)
        if account is not None and account.uid != 0:
            return account
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root and this machine has neither an account postgres nor "
        f"nobody: name an unprivileged account in {ACCOUNT_VARIABLE}, or set DATABASE_URL."
    )


def run_as(account: Account | None) -> dict[str, Any]:
    """Return the arguments for subprocess that make a child run as the account.

    On Linux the child also gets SIGINT when this process is killed; for a process without threads.
    """
    options: dict[str, Any] = {"preexec_fn": _stop_with_parent(os.getpid())}
    if account is not None:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def call_as(account: Account | None, action: Callable[[], object]) -> None:
    """Run system calls with the account's rights only; for a process without threads.

    The account may be unable to read Python's own files, so the action must import nothing, not
    even a codec. Raises OSError with the errno of the call that failed.
    """
    if account is None:
        action()
        return
    pid = os.fork()
    if pid == 0:
        code = _EXIT_NO_ERRNO
        try:
            code = _errno_of(account, action)
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != 0:
        raise OSError(code, f"{os.strerror(abs(code))}, as the account {account.name}")


def write_as(account: Account | None, path: Path, content: bytes) -> None:
    """Write a file with the account's rights only. Raises OSError."""

    def write() -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        os.write(descriptor, content)
        os.close(descriptor)

    call_as(account, write)


def can_enter(account: Account | None, directory: Path) -> bool:
    """Tell whether the account may reach what lies in the directory."""
    inside = directory / "users.lock"
    try:
        call_as(account, inside.lstat)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _stop_with_parent(parent: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_the_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_the_kernel


def _errno_of(account: Account, action: Callable[[], object]) -> int:
    try:
        os.setgroups([])
        os.setgid(account.gid)
        os.setuid(account.uid)
        action()
    except OSError as error:
        return error.errno or _EXIT_NO_ERRNO
    return 0


def _look_up(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _account_with_uid(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, uid)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _name_of(uid: int | None) -> str:
    return "nobody known" if uid is None else _account_with_uid(uid).name
