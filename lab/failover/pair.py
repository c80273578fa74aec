"""Two PostgreSQL servers, one the synchronous standby of the other, and what a manager does."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

import psutil

from lab.cluster import DurableCluster
from prompt_queue.store.embedded_account import run_as

_SECONDS = 60.0
_LOOK_SECONDS = 0.02


class Pair:
    """Looks like one cluster whose `dsn` names both hosts."""

    def __init__(self, primary: DurableCluster, standby: DurableCluster) -> None:
        self.primary = primary
        self.standby = standby
        self.folder = primary.folder

    @classmethod
    def create(cls) -> Self:
        """A primary, and a standby without which it commits nothing."""
        primary = DurableCluster.create()
        standby = replace(primary, folder=Path(tempfile.mkdtemp(prefix="pq-lab-", dir="/tmp")))
        if primary.account is not None:
            os.chown(standby.folder, primary.account.uid, primary.account.gid)
        pair = cls(primary, standby)
        try:
            pair._follow()
        except BaseException:
            pair.close()
            raise
        return pair

    @property
    def dsn(self) -> str:
        """Both hosts, in no order that tells which one takes writes."""
        account = f"lab:{self.primary.password}"
        hosts = ",".join(sorted(str(node.folder) for node in (self.primary, self.standby)))
        return f"postgresql://{account}@/postgres?host={hosts}&target_session_attrs=read-write"

    def kill_primary(self) -> float:
        """SIGKILL for every process of the primary, so that nothing is said or written any more.

        Returns when (monotonic).
        """
        postmaster = psutil.Process(self.primary.postmaster)
        family = [postmaster, *postmaster.children(recursive=True)]
        now = time.monotonic()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        while any(map(_lives, family)):
            time.sleep(_LOOK_SECONDS)
        return now

    def promote(self) -> float:
        """Make the standby the primary; returns when it took writes (monotonic)."""
        self.primary, self.standby = self.standby, self.primary
        self._tool("pg_ctl", "-D", self.primary.data, "-w", "promote")
        now = time.monotonic()
        # There is nobody yet whose word a commit could wait for.
        self._sql("alter system set synchronous_standby_names = ''", "select pg_reload_conf()")
        return now

    def rejoin(self) -> None:
        """The server that died comes back as the standby, with the present data."""
        shutil.rmtree(self.standby.data, ignore_errors=True)
        self._follow()

    def close(self) -> None:
        """Stop both, and remove their folders."""
        for node in (self.primary, self.standby):
            node.close()

    def _follow(self) -> None:
        self._tool(
            "pg_basebackup", "-h", str(self.primary.folder), "-U", "lab", "-D", self.standby.data,
            "-R", "-X", "stream", "-c", "fast", "--no-sync",
        )  # fmt: skip
        self.standby.start()
        self._sql("alter system set synchronous_standby_names = '*'", "select pg_reload_conf()")
        end = time.monotonic() + _SECONDS
        while (
            self._sql("select count(*) from pg_stat_replication where sync_state = 'sync'") != "1"
        ):
            if time.monotonic() > end:
                raise TimeoutError("the standby does not become synchronous")
            time.sleep(_LOOK_SECONDS)

    def _sql(self, *statements: str) -> str:
        commands = [part for statement in statements for part in ("-c", statement)]
        return self._tool(
            "psql", "-h", str(self.primary.folder), "-U", "lab", "-d", "postgres", "-XAtq",
            *commands,
        ).strip()  # fmt: skip

    def _tool(self, program: str, *arguments: str) -> str:
        options = run_as(self.primary.account)
        options.pop("preexec_fn")
        environment = options.pop("env", None) or dict(os.environ)
        ran = subprocess.run(
            [str(self.primary.binaries / program), *arguments],
            check=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self.primary.folder,
            env=environment | {"PGPASSWORD": self.primary.password},
            **options,
        )
        return str(ran.stdout)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
