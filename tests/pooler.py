"""PgBouncer in transaction mode: each statement may run in another session of the server."""

import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from prompt_queue.store.embedded_account import Account, run_as

START_SECONDS = 10.0
PORT = 6432
# Debian keeps it where only root's PATH leads.
PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")

CONFIGURATION = """\
[databases]
* = host={server}

[pgbouncer]
unix_socket_dir = {folder}
unix_socket_mode = 0777
listen_addr =
listen_port = {port}
logfile = {folder}/log
auth_type = scram-sha-256
auth_file = {folder}/accounts
stats_users = {user}
pool_mode = transaction
server_reset_query =
default_pool_size = 4
max_client_conn = 500
server_lifetime = 60
autodb_idle_timeout = 5
"""


@dataclass
class Pooler:
    """A running PgBouncer, reachable through a socket in a folder of its own."""

    folder: Path
    process: "subprocess.Popen[bytes]"

    @classmethod
    def start(cls, server: Path, user: str, password: str, account: Account | None) -> "Pooler":
        """Pool the connections of the server whose socket lies in `server`, for one account."""
        assert PROGRAM is not None
        folder = server / "pgbouncer"
        folder.mkdir()
        values = {"server": server, "folder": folder, "port": PORT, "user": user}
        (folder / "ini").write_text(CONFIGURATION.format_map(values))
        (folder / "accounts").write_text(f'"{user}" "{password}"\n')
        if account is not None:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, account.uid, account.gid)
        process = subprocess.Popen(
            [PROGRAM, "-q", str(folder / "ini")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **run_as(account),
        )
        pooler = cls(folder, process)
        pooler._wait()
        return pooler

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket(socket.AF_UNIX) as client:
                if client.connect_ex(str(self.folder / f".s.PGSQL.{PORT}")) == 0:
                    return
            time.sleep(0.02)
        self.stop()
        raise AssertionError((self.folder / "log").read_text())
