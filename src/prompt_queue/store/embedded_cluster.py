"""PostgreSQL's own files: where they lie, how they come to be, and whether they are ours to run."""

import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from prompt_queue.store.embedded_account import Account, can_enter, run_as, write_as
from prompt_queue.store.embedded_binaries import MAJOR, PRIVATE_ROOT, ensure_private_root
from prompt_queue.store.embedded_layout import (
    DATABASE,
    PORT,
    ROLE,
    EmbeddedPostgresError,
    Layout,
    disk_is_full,
    write_private,
)

HBA = b"local all all scram-sha-256\n"
_FATAL = re.compile(r"\b(FATAL|PANIC|initdb: error):? ")
_PREFIX = re.compile(r"^.*?\b(FATAL|PANIC|ERROR|LOG|HINT|DETAIL|error):\s+")
_PASSWORD = re.compile(r"[A-Za-z0-9_-]{20,200}")


def owner_of_cluster(layout: Layout) -> int | None:
    """Return the uid that owns the existing cluster, or None when there is none."""
    try:
        return layout.cluster.stat().st_uid
    except FileNotFoundError:
        return None


def locate_cluster(layout: Layout, account: Account | None) -> tuple[Path, str]:
    """Return where the cluster lives or shall live, and a line for the user if that is elsewhere.

    Where the account cannot enter the data directory, the cluster gets a place below /var/lib and
    a symlink leads there; the permissions of no directory change. Raises OSError and
    EmbeddedPostgresError.
    """
    if layout.cluster.is_symlink():
        cluster = Path(os.path.realpath(layout.cluster))
        if not cluster.parent.is_dir():
            raise EmbeddedPostgresError(
                f"{layout.cluster} leads to {cluster}, which is gone: bring that back, or remove "
                "the symlink to begin with an empty database."
            )
        return cluster, ""
    if can_enter(account, layout.data_dir):
        return layout.cluster, ""
    name = account.name if account else "this account"
    if layout.cluster.exists():
        raise EmbeddedPostgresError(
            f"The account {name} can no longer enter {layout.data_dir}: give that directory and "
            "those above it back their search permission (chmod o+x), or choose another --data-dir."
        )
    home = PRIVATE_ROOT / "clusters" / secrets.token_hex(8)
    ensure_private_root(PRIVATE_ROOT)
    for directory in (home.parent, home):
        if not directory.exists():
            directory.mkdir()
            directory.chmod(0o711)
    cluster = home / "postgres"
    layout.cluster.symlink_to(cluster)
    return cluster, (
        f"The account {name} cannot enter {layout.data_dir}, so the database itself is kept in "
        f"{home}, to which {layout.cluster} leads."
    )


def check_version(layout: Layout, cluster: Path, socket_dir: Path) -> bool:
    """Tell whether there is a cluster that this PostgreSQL can run.

    Raises EmbeddedPostgresError for a cluster of another major version or a strange directory.
    """
    if not cluster.exists():
        return False
    try:
        found = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        found = ""
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3})?", found):
        raise EmbeddedPostgresError(
            f"{layout.cluster} is no PostgreSQL database (it has no valid PG_VERSION file): move "
            "it away or choose another --data-dir."
        )
    if found == str(MAJOR):
        return True
    if float(found) > MAJOR:
        raise EmbeddedPostgresError(
            f"The database in {layout.cluster} was made by PostgreSQL {found}, but this "
            f"prompt-queue ships PostgreSQL {MAJOR}: upgrade prompt-queue, or choose another "
            "--data-dir."
        )
    log_in = f"PGPASSFILE={layout.passfile}"
    reach = f"-h {socket_dir} -U {ROLE}"
    raise EmbeddedPostgresError(
        f"The database in {layout.cluster} was made by PostgreSQL {found}, but this prompt-queue "
        f"runs PostgreSQL {MAJOR}: choose another --data-dir, or move the data by running, with "
        f"PostgreSQL {found}'s own programs and as the owner of that directory, "
        f"`mkdir -p -m 700 {socket_dir}`, "
        f"`pg_ctl -w -D {layout.cluster} -o \"-k {socket_dir} -c listen_addresses=''\" start`, "
        f"`{log_in} pg_dump {reach} -f /tmp/prompt-queue.sql {DATABASE}`, "
        f"`pg_ctl -D {layout.cluster} stop` and `mv {layout.cluster} {layout.cluster}-{found}`, "
        f"and then, once prompt-queue has been started again and made a new database, "
        f"`{log_in} psql {reach} -f /tmp/prompt-queue.sql {DATABASE}`."
    )


def ensure_password(layout: Layout, socket_dir: Path) -> tuple[str, bool]:
    """Return the role's password and whether it was made anew. Raises OSError."""
    try:
        password = layout.password.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        password = ""
    fresh = not _PASSWORD.fullmatch(password)
    if fresh:
        password = secrets.token_urlsafe(32)
        write_private(layout.password, password + "\n")
    write_private(layout.passfile, f"{socket_dir}:{PORT}:*:{ROLE}:{password}\n")
    return password, fresh


def create_cluster(install: Path, cluster: Path, account: Account | None, password: str) -> None:
    """Make the cluster and its database in a sibling directory, then move it into place.

    Raises OSError and EmbeddedPostgresError; a cluster that is not complete never has the name.
    """
    remove_unfinished(cluster)
    # The name is new each time, because a killed guardian's initdb clears its own directory away.
    unfinished = cluster.with_name(f"{cluster.name}.unfinished-{secrets.token_hex(4)}")
    pwfile = unfinished.with_name(f"{unfinished.name}.password")
    try:
        unfinished.mkdir(mode=0o700)
        write_private(pwfile, password + "\n")
        if account is not None:
            os.chown(unfinished, account.uid, account.gid)
            os.chown(pwfile, account.uid, account.gid)
        _run_program(
            [
                str(install / "bin" / "initdb"),
                f"--pgdata={unfinished}",
                f"--username={ROLE}",
                f"--pwfile={pwfile}",
                "--auth-local=scram-sha-256",
                "--auth-host=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--data-checksums",
            ],
            account,
            "",
            cluster.parent,
        )
        run_alone(install, unfinished, account, f"CREATE DATABASE {DATABASE};\n")
        write_hba(unfinished, account)
        unfinished.rename(cluster)
        _sync_directory(cluster.parent)
    finally:
        remove_unfinished(cluster)


def remove_unfinished(cluster: Path) -> None:
    """Clear away what a cluster's creation left behind when it was killed. Raises OSError."""
    deadline = time.monotonic() + 10
    while leftovers := list(cluster.parent.glob(f"{cluster.name}.unfinished-*")):
        for leftover in leftovers:
            try:
                if leftover.is_dir():
                    shutil.rmtree(leftover)
                else:
                    leftover.unlink()
            except OSError:
                # That initdb may still be writing its last files, or removing them itself.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def reset_password(install: Path, cluster: Path, account: Account | None, password: str) -> None:
    """Give the role a new password while the server is down. Raises EmbeddedPostgresError."""
    run_alone(install, cluster, account, f"ALTER ROLE {ROLE} PASSWORD '{password}';\n")


def write_hba(cluster: Path, account: Account | None) -> None:
    """Allow nothing but password logins over the socket. Raises OSError."""
    write_as(account, cluster / "pg_hba.conf", HBA)


def run_alone(install: Path, cluster: Path, account: Account | None, sql: str) -> None:
    """Run statements, one a line, in a server without clients. Raises EmbeddedPostgresError."""
    postgres = str(install / "bin" / "postgres")
    _run_program(
        [postgres, "--single", "-D", str(cluster), "-c", "exit_on_error=on", "postgres"],
        account,
        sql,
        cluster.parent,
    )


def _run_program(command: Sequence[str], account: Account | None, stdin: str, place: Path) -> None:
    program = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env={"LC_ALL": "C", "PATH": os.defpath},
            check=False,
            **run_as(account),
        )
    except OSError as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL's {program} cannot be run ({error.strerror}): start as an ordinary user, "
            "or set DATABASE_URL to a PostgreSQL of your own."
        ) from error
    if done.returncode != 0:
        raise EmbeddedPostgresError(explain_output(done.stderr, program, place))


def explain_output(output: str, program: str, place: Path) -> str:
    """Make one sentence of what a PostgreSQL program complained about."""
    reason = decisive_line(output) or "it gave no reason"
    if "No space left on device" in output or disk_is_full(place):
        return (
            f"PostgreSQL's {program} stopped because the disk is full ({reason}): free some space "
            "and start again."
        )
    if "could not create shared memory" in output or "could not map anonymous" in output:
        return (
            f"PostgreSQL's {program} got no shared memory ({reason}): free some memory or raise "
            "the machine's limit, and start again."
        )
    return (
        f"PostgreSQL's {program} failed ({reason}): put that right and start again, or choose "
        "another --data-dir."
    )


def decisive_line(output: str) -> str:
    """Return what a PostgreSQL log says about why it stopped, without the lines' prefixes."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    fatal = [place for place, line in enumerate(lines) if _FATAL.search(line)]
    chosen = lines[fatal[-1] :][:2] if fatal else lines[-1:]
    if len(chosen) == 2 and "DETAIL:" not in chosen[1]:
        chosen.pop()
    return ": ".join(_PREFIX.sub("", line).rstrip(".") for line in chosen)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
