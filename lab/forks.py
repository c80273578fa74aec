"""The harness's end of the fork server."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_ROOT = Path(__file__).resolve().parents[1]
# SIGTERM kills a worker that has not got as far as listening to it.
_EXPECTED_CODES = (0, -signal.SIGKILL, -signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Said:
    """What the fork server said of a worker: at which monotonic time, and a number with it.

    The number is the exit code of one that ended, the seconds of one whose loop stood still.
    """

    at: float
    number: float = 0.0


class Forks:
    """Starts workers in milliseconds and knows when each ended, stopped or stood still."""

    def __init__(self, process: Process, values: dict[str, Any]) -> None:
        self.crashes: list[str] = []
        self._process = process
        self._values = values
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._starting = asyncio.Lock()
        self._news: defaultdict[tuple[str, int], asyncio.Queue[Said]] = defaultdict(asyncio.Queue)
        self._ended: dict[int, Said] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, values: dict[str, Any], log: Path, **variables: str) -> Self:
        """Start the server; every worker gets these settings, unless it is told others.

        `variables` are added to its environment.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "lab.worker_forks", stdin=PIPE, stdout=PIPE, cwd=_ROOT,
            env=os.environ | variables,
        )  # fmt: skip
        forks = cls(process, values)
        forks._send({"log": str(log)})
        return forks

    async def start(self, armed: str = "", **other_settings: Any) -> int:
        """A new worker with these failpoints; returns its process id."""
        async with self._starting:
            self._send({"start": armed, "settings": self._values | other_settings})
            async with asyncio.timeout(30):
                return await self._started.get()

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to a worker, unless it has ended."""
        self._send({"pid": pid, "signal": number})

    async def ended(self, pid: int, within: float) -> float | None:
        """When the worker ended (monotonic), None if it still runs after `within` seconds."""
        end = await self._ending(pid, within)
        return end.at if end else None

    async def killed(self, pid: int, within: float) -> float | None:
        """When SIGKILL ended the worker; None if it still runs, or ended in another way."""
        end = await self._ending(pid, within)
        return end.at if end and end.number == -signal.SIGKILL else None

    async def stopped(self, pid: int, within: float) -> float | None:
        """When SIGSTOP reached the worker, None if it has not after `within` seconds."""
        said = await self._next("stopped", pid, within)
        return said.at if said else None

    async def stalled(self, pid: int, within: float) -> Said | None:
        """The next time that the worker's loop stood still, as soon as it turns again."""
        return await self._next("stalled", pid, within)

    async def retire(self, pids: list[int], within: float = 10.0) -> None:
        """SIGTERM these workers, and SIGKILL those that do not leave in time."""
        for pid in pids:
            self.signal(pid, signal.SIGTERM)
        for pid in pids:
            if await self.ended(pid, within) is None:
                self.signal(pid, signal.SIGKILL)
                await self.ended(pid, within)

    @asynccontextmanager
    async def beside(self, log: Path, **variables: str) -> AsyncIterator["Forks"]:
        """Another server whose workers live in another environment; its crashes count as ours."""
        other = await Forks.open(self._values, log, **variables)
        try:
            yield other
        finally:
            await other.close()
            self.crashes += other.crashes

    async def close(self) -> None:
        """End the server and every worker."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def _ending(self, pid: int, within: float) -> Said | None:
        if pid not in self._ended:
            await self._next("ended", pid, within)
        return self._ended.get(pid)

    async def _next(self, what: str, pid: int, within: float) -> Said | None:
        try:
            async with asyncio.timeout(within):
                return await self._news[what, pid].get()
        except TimeoutError:
            return None

    def _send(self, command: dict[str, Any]) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the fork server has no standard input")
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def _read(self) -> None:
        if self._process.stdout is None:
            return
        async for line in self._process.stdout:
            self._hear(**json.loads(line))

    def _hear(self, what: str, pid: int, at: float, number: float = 0.0, why: str = "") -> None:
        match what:
            case "started":
                # A reused process id begins a new life.
                self._ended.pop(pid, None)
                for news in ("ended", "stopped", "stalled"):
                    self._news.pop((news, pid), None)
                self._started.put_nowait(pid)
                return
            case "failed":
                self.crashes.append(f"a worker ended by itself: {why}")
            case "ended":
                self._ended[pid] = Said(at, number)
                if number not in (*_EXPECTED_CODES, 1):
                    self.crashes.append(f"a worker ended by itself with {number:g}")
        self._news[what, pid].put_nowait(Said(at, number))
