"""The harness's end of the fork server."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, Self

_ROOT = Path(__file__).resolve().parents[1]
# SIGTERM kills a worker that has not got as far as listening to it.
_EXPECTED_CODES = (0, -signal.SIGKILL, -signal.SIGTERM)


class Forks:
    """Starts workers in milliseconds and knows when each ended or was stopped."""

    def __init__(self, process: Process) -> None:
        self.crashes: list[int] = []
        self._process = process
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._starting = asyncio.Lock()
        self._ended: dict[int, asyncio.Future[float]] = {}
        self._stopped: dict[int, asyncio.Future[float]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, settings: dict[str, Any], dsn: str, log: Path) -> Self:
        """Start the server; every worker gets these settings."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "lab.worker_forks", stdin=PIPE, stdout=PIPE, cwd=_ROOT
        )
        forks = cls(process)
        forks._send({"settings": settings, "dsn": dsn, "log": str(log)})
        return forks

    async def start(self, armed: str = "") -> int:
        """A new worker with these failpoints; returns its process id."""
        async with self._starting:
            self._send({"start": armed})
            async with asyncio.timeout(30):
                return await self._started.get()

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to a worker, unless it has ended."""
        self._send({"pid": pid, "signal": number})

    async def ended(self, pid: int, within: float) -> float | None:
        """When the worker ended (monotonic), None if it still runs after `within` seconds."""
        return await _wait(self._future(self._ended, pid), within)

    async def stopped(self, pid: int, within: float) -> float | None:
        """When SIGSTOP reached the worker, None if it has not after `within` seconds."""
        return await _wait(self._future(self._stopped, pid), within)

    async def retire(self, pids: list[int], within: float = 10.0) -> None:
        """SIGTERM these workers, and SIGKILL those that do not leave in time."""
        for pid in pids:
            self.signal(pid, signal.SIGTERM)
        for pid in pids:
            if await self.ended(pid, within) is None:
                self.signal(pid, signal.SIGKILL)
                await self.ended(pid, within)

    async def close(self) -> None:
        """End the server and every worker."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()
        await self._reading

    def _future(self, of: dict[int, asyncio.Future[float]], pid: int) -> asyncio.Future[float]:
        if pid not in of:
            of[pid] = asyncio.get_running_loop().create_future()
        return of[pid]

    def _send(self, command: dict[str, Any]) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the fork server has no standard input")
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def _read(self) -> None:
        if self._process.stdout is None:
            return
        async for line in self._process.stdout:
            said = json.loads(line)
            if "started" in said:
                # A reused process id begins a new life.
                self._ended.pop(said["started"], None)
                self._stopped.pop(said["started"], None)
                self._started.put_nowait(said["started"])
                continue
            of, pid = (
                (self._ended, said["ended"])
                if "ended" in said
                else (self._stopped, said["stopped"])
            )
            if said.get("code", 0) not in _EXPECTED_CODES:
                self.crashes.append(said["code"])
            future = self._future(of, pid)
            if not future.done():
                future.set_result(said["at"])


async def _wait(future: asyncio.Future[float], within: float) -> float | None:
    await asyncio.wait({future}, timeout=within)
    return future.result() if future.done() else None
