"""The private directory of the server's Unix socket."""

import contextlib
import os
import re
import stat
import tempfile
from pathlib import Path

from prompt_queue.store.embedded_account import Account, can_enter
from prompt_queue.store.embedded_layout import PORT, Layout, write_private

# A socket address holds 104 bytes on macOS and 108 on Linux.
_LONGEST_SOCKET_PATH = 99
# These need no quoting in a DSN, a pgpass file or PostgreSQL's own list of directories.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/+~-]+")
_SHORT_PLACE = Path("/tmp")  # noqa: S108 - TMPDIR may be long, or closed to the server's account


def socket_file(socket_dir: Path) -> Path:
    """Return the socket that clients connect to."""
    return socket_dir / f".s.PGSQL.{PORT}"


def fits(socket_dir: Path) -> bool:
    """Tell whether a socket in this directory can be addressed by every client."""
    path = str(socket_file(socket_dir))
    return len(path.encode()) <= _LONGEST_SOCKET_PATH and bool(_PLAIN_PATH.fullmatch(path))


def ensure_socket_dir(layout: Layout, account: Account | None) -> Path:
    """Return the socket directory: private, owned by the server's account, made if absent.

    The place stays the same from start to start as long as it is safe. Raises OSError.
    """
    if fits(layout.run_dir) and can_enter(account, layout.data_dir):
        _make_private(layout.run_dir, account, inside_ours=True)
        return layout.run_dir
    recorded = _recorded(layout)
    if recorded is not None:
        try:
            _make_private(recorded, account, inside_ours=False)
        except OSError:
            recorded = None
    if recorded is None:
        recorded = Path(tempfile.mkdtemp(prefix="prompt-queue-", dir=_SHORT_PLACE))
        write_private(layout.socket_record, f"{recorded}\n")
        _make_private(recorded, account, inside_ours=False)
    return recorded


def remove_socket_files(socket_dir: Path) -> None:
    """Clear a dead server's socket away; only for who holds the guardian's lock. Raises OSError."""
    socket = socket_file(socket_dir)
    socket.unlink(missing_ok=True)
    socket.with_name(f"{socket.name}.lock").unlink(missing_ok=True)


def remove_short_dir(layout: Layout, socket_dir: Path) -> None:
    """Remove the directory again if it lies outside the data directory and nothing uses it."""
    if socket_dir != layout.run_dir:
        try:
            socket_dir.rmdir()
        except OSError:
            return


def _recorded(layout: Layout) -> Path | None:
    try:
        recorded = Path(layout.socket_record.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None
    ours = recorded.parent == _SHORT_PLACE and recorded.name.startswith("prompt-queue-")
    return recorded if ours else None


def _make_private(directory: Path, account: Account | None, *, inside_ours: bool) -> None:
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    owner = account.uid if account else os.geteuid()
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        found = os.fstat(descriptor)
        if not inside_ours and found.st_uid not in (owner, os.geteuid()):
            raise PermissionError(1, "it belongs to another account", str(directory))
        if account is not None and found.st_uid != account.uid:
            os.fchown(descriptor, account.uid, account.gid)
        if stat.S_IMODE(found.st_mode) != 0o700:
            os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)
