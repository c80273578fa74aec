"""The worker processes of one side, started together and watched from outside."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from benchmarks.queue.tally import Tally

START_SECONDS = 60.0
STOP_SECONDS = 60.0
ROOT = Path(__file__).parents[2]


class Crew:
    """Connected worker processes that wait for `go`."""

    def __init__(self, processes: list[asyncio.subprocess.Process], tallies: list[Tally]) -> None:
        self._processes = processes
        self.tallies = tallies

    def go(self) -> None:
        """Let them all begin."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")

    @property
    def handled(self) -> int:
        """How many handlers have begun in all processes."""
        return sum(tally.handled for tally in self.tallies)

    def check(self) -> None:
        """Raises RuntimeError when a process has ended by itself."""
        for process in self._processes:
            if process.returncode is not None:
                raise RuntimeError(f"a worker ended by itself with code {process.returncode}")

    def memory(self) -> float:
        """Resident memory of the largest process, in MB."""
        return max(float(psutil.Process(p.pid).memory_info().rss) for p in self._processes) / 1e6

    def cpu_seconds(self) -> float:
        """Processor time that they have used together."""
        times = [psutil.Process(process.pid).cpu_times() for process in self._processes]
        return sum(float(time.user + time.system) for time in times)

    def resources(self) -> tuple[int, int]:
        """File descriptors and threads of all processes together."""
        found = [psutil.Process(process.pid) for process in self._processes]
        return sum(p.num_fds() for p in found), sum(p.num_threads() for p in found)

    async def stop(self) -> None:
        """Ask them to end, and wait until they have."""
        for process in self._processes:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(*(process.wait() for process in self._processes))
        finally:
            for process in self._processes:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


@asynccontextmanager
async def crew(name: str, dsn: str, size: int, times: int = 0) -> AsyncIterator[Crew]:
    """So many workers of a side, connected; the handlers' first `times` beginnings are kept."""
    with tempfile.TemporaryDirectory(prefix="pq-bench-") as folder:
        paths = [Path(folder) / f"tally-{number}" for number in range(size)]
        tallies = [Tally.create(path, times) for path in paths]
        found = Crew([await _start(name, dsn, path) for path in paths], tallies)
        try:
            await asyncio.gather(*(_ready(process) for process in found._processes))
            yield found
        finally:
            await found.stop()


async def _start(name: str, dsn: str, tally: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.queue.worker",
        name,
        str(tally),
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": dsn},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def _ready(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        if await process.stdout.readline() != b"ready\n":
            raise RuntimeError("a worker ended before it was ready")
