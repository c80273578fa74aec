"""A durable PostgreSQL (fsync on) in a folder of its own, to be crashed and started again."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from prompt_queue.store.embedded_account import Account, choose_account, run_as
from prompt_queue.store.embedded_binaries import install_for

_SECONDS = 60.0
_TRIES = 50


@dataclass
class DurableCluster:
    """A server whose commits wait for the disk, reachable through a socket in its folder."""

    folder: Path
    binaries: Path
    account: Account | None
    password: str
    address: str = ""

    @classmethod
    def create(cls, address: str = "") -> Self:
        """Make a cluster and start its server, which also listens at `address` if there is one."""
        account = choose_account(os.geteuid(), None, None)
        folder = Path(tempfile.mkdtemp(prefix="pq-lab-", dir="/tmp"))
        cluster = cls(folder, install_for(account) / "bin", account, secrets.token_hex(16), address)
        passfile = folder / "password"
        passfile.write_text(cluster.password)
        for path in (folder, passfile):
            if account is not None:
                os.chown(path, account.uid, account.gid)
        try:
            cluster._run("initdb", "-D", cluster.data, "-U", "lab", "-A", "scram-sha-256",
                         f"--pwfile={passfile}", "-E", "UTF8", "--locale=C")  # fmt: skip
            with Path(cluster.data, "pg_hba.conf").open("a") as rules:
                rules.write("host all all samenet scram-sha-256\n")
            cluster.start()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return cluster

    @property
    def data(self) -> str:
        """The data directory."""
        return str(self.folder / "data")

    @property
    def dsn(self) -> str:
        """Where clients connect."""
        return f"postgresql://lab:{self.password}@/postgres?host={self.folder}"

    @property
    def postmaster(self) -> int:
        """The process id of the running server."""
        return int(Path(self.data, "postmaster.pid").read_text().split("\n", 1)[0])

    def start(self) -> None:
        """Start the server and wait until it has recovered."""
        options = (
            f"-k {self.folder} -c listen_addresses={self.address} -c fsync=on "
            "-c max_connections=200"
        )
        for tries_left in reversed(range(_TRIES)):
            try:
                self._run("pg_ctl", "-D", self.data, "-l", str(self.folder / "log"),
                          "-o", options, "-w", "start")  # fmt: skip
                return
            except subprocess.CalledProcessError:
                # The children of a killed postmaster need a moment to notice.
                if not tries_left:
                    raise
                time.sleep(0.1)

    def stop_at_once(self) -> None:
        """Stop as after a power cut: nothing is written any more, recovery comes at the start."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def stop_in_order(self) -> None:
        """Stop with everything written; its clients are disconnected."""
        self._run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")

    def accepts(self) -> bool:
        """Whether a client would be let in."""
        try:
            self._run("pg_isready", "-q", "-h", str(self.folder), "-t", "2")
        except subprocess.CalledProcessError:
            return False
        return True

    def keep_copy(self) -> None:
        """Copy the data directory of a stopped server aside; the copy before is dropped."""
        shutil.rmtree(self._copy, ignore_errors=True)
        subprocess.run(["cp", "-a", self.data, str(self._copy)], check=True, timeout=_SECONDS)

    def restore_copy(self) -> None:
        """Put the copy in the place of the data directory of a stopped server."""
        shutil.rmtree(self.data)
        self._copy.rename(self.data)

    @property
    def _copy(self) -> Path:
        return self.folder / "copy"

    def kill_postmaster(self) -> None:
        """SIGKILL the server's first process; its children notice by themselves."""
        os.kill(self.postmaster, signal.SIGKILL)

    def close(self) -> None:
        """Stop, and remove the folder."""
        try:
            subprocess.run(
                [str(self.binaries / "pg_ctl"), "-D", self.data, "-m", "immediate", "-w", "stop"],
                check=False,
                timeout=_SECONDS,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self.folder,
                **run_as(self.account),
            )
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        options = run_as(self.account)
        # The server outlives the thread that starts it.
        options.pop("preexec_fn")
        subprocess.run(
            [str(self.binaries / program), *arguments],
            check=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            **options,
        )
