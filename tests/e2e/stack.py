"""The whole product as a user starts it: `prompt-queue up` in processes of its own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from typer.testing import CliRunner

from prompt_queue.cli.commands import app
from prompt_queue.settings import DEMO_ROW_ID
from prompt_queue.store.embedded import EmbeddedPostgres

READY_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], Any], seconds: float, what: str, every: float = 0.05) -> Any:
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(every)


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Stack:
    """`prompt-queue up` with a data directory and a port of its own."""

    environment: dict[str, str] = field(default_factory=dict)
    workers: int = 1
    launcher: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    data_dir: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="pq-e2e-")))
    _process: subprocess.Popen[bytes] | None = None
    _more: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.data_dir / "up.log").read_text(errors="replace")

    def up(self) -> "Stack":
        """Start, and return when /api/health/ready answers 200."""
        options = [f"--port={self.port}", f"--data-dir={self.data_dir}"]
        command = [*self.launcher, sys.executable, "-m", "prompt_queue", "up", *options,
                   f"--workers={self.workers}"]  # fmt: skip
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PROMPT_QUEUE_")}
        with (self.data_dir / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.data_dir,
                env=clean | {"PROMPT_QUEUE_POLL_SECONDS": "0.5"} | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._is_ready, READY_SECONDS, f"ready\n{self.log}")
        return self

    def work(self, **environment: str) -> subprocess.Popen[bytes]:
        """One more worker, by hand."""
        own = {
            "PROMPT_QUEUE_DATA_DIR": str(self.data_dir), "PROMPT_QUEUE_PORT": str(self.port),
            "PROMPT_QUEUE_PUBLIC_URL": self.base, "PROMPT_QUEUE_POLL_SECONDS": "0.5",
        }  # fmt: skip
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PROMPT_QUEUE_")}
        with (self.data_dir / "work.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "prompt_queue", "work"],
                cwd=self.data_dir,
                env=clean | own | self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._more.append(worker)
        return worker

    def retire(self) -> None:
        """End the workers that were started by hand, as SIGTERM does."""
        for worker in self._more:
            worker.terminate()
            worker.wait(30)
        self._more.clear()

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            return self.get("/api/health/ready").status == 200
        except OSError:
            return False

    def processes(self) -> list[psutil.Process]:
        """Everything that this stack has running, the detached database included."""
        marker = str(self.data_dir)
        found: dict[int, psutil.Process] = {}
        for process in psutil.process_iter():
            try:
                if marker in " ".join(process.cmdline()):
                    found[process.pid] = process
                    found |= {child.pid: child for child in process.children(recursive=True)}
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        found.pop(os.getpid(), None)
        return list(found.values())

    def commands(self) -> list[list[str]]:
        """The command lines of what runs; a process may end while it is looked at."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                found.append(process.cmdline())
        return found

    def running(self, verb: str) -> list[psutil.Process]:
        """The processes of one of our own commands, such as `work`."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if process.cmdline()[-1:] == [verb]:
                    found.append(process)
        return found

    def kill_everything(self) -> int:
        """kill -9 of every process; returns how many there were."""
        victims = self.processes()
        for victim in victims:
            try:
                victim.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        assert self._process is not None
        self._process.wait(10)
        return len(victims)

    def kill_up(self) -> None:
        """kill -9 of the supervisor alone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def down(self, number: signal.Signals = signal.SIGINT, seconds: float = 30) -> int:
        """Ctrl-C; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(seconds)

    def close(self) -> None:
        """End whatever is left and remove the data."""
        self.retire()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill_everything()
        wait_for(lambda: not self.processes(), 20, "no process is left")
        cluster = self.data_dir / "postgres"
        if cluster.is_symlink():
            shutil.rmtree(cluster.resolve(), ignore_errors=True)
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=70) as reply:
                return Answer(reply.status, dict(reply.headers), _parsed(reply.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), _parsed(error.read()))

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def enqueue(self, target: str, **values: Any) -> str:
        """Post one job on the demo row; returns its id."""
        body = {"rowId": str(DEMO_ROW_ID), "targetUrl": target} | values
        answer = self.request("POST", "/api/prompt/queue", body)
        assert answer.status == 202, answer
        return str(answer.body["promptJobId"])

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.get(f"/api/prompt/queue/{job_id}")
        assert answer.status == 200, answer
        return dict(answer.body)

    def final(self, job_id: str, seconds: float = 60) -> dict[str, Any]:
        """Wait by long polls until the job is final."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            body = dict(self.get(f"/api/prompt/queue/{job_id}?wait=10").body)
            if body["status"] in {"completed", "failed", "cancelled"}:
                return body
        raise AssertionError(f"{job_id} is not final after {seconds} s: {self.job(job_id)}")

    def upload(self, data: bytes) -> str:
        answer = self.request("POST", "/api/uploads", data, {"Content-Type": "image/jpeg"})
        assert answer.status == 201, answer
        return str(answer.body["url"])

    def command(self, *arguments: str) -> str:
        """What `prompt-queue ARGUMENTS` prints, with the stack's own database and settings.

        In this process: one of its own takes seconds to start while the machine is busy.
        """
        ran = CliRunner().invoke(
            app, [*arguments, f"--data-dir={self.data_dir}"], env=self.environment,
            catch_exceptions=False,
        )  # fmt: skip
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    async def sql(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """A statement on the stack's own database."""
        with EmbeddedPostgres(self.data_dir) as server:
            connection = await asyncpg.connect(server.start())
            try:
                return list(await connection.fetch(query, *arguments))
            finally:
                await connection.close()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
