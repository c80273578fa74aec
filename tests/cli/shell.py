"""The real command in a process of its own, as a shell starts it."""

import asyncio
import json
import os
import pty
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "prompt_queue")
LONGEST_SECONDS = 90


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """A folder and an environment in which commands are run."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def whole_environment(self) -> dict[str, str]:
        ours = ("PROMPT_QUEUE_", "DATABASE_", "XAI_")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return inherited | {"COLUMNS": "200"} | self.environment

    def with_environment(self, **values: str) -> "Shell":
        return Shell(self.folder, self.environment | values)

    async def start(self, *arguments: object) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *COMMAND,
            *map(str, arguments),
            cwd=self.folder,
            env=self.whole_environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: object) -> Ran:
        return await ended(await self.start(*arguments))

    async def run_on_terminal(self, *arguments: object) -> Ran:
        """Like `run`, on a terminal; what is written to it comes back as `out`."""
        ours, theirs = pty.openpty()
        try:
            process = await asyncio.create_subprocess_exec(
                *COMMAND,
                *map(str, arguments),
                cwd=self.folder,
                env=self.whole_environment | {"TERM": "xterm-256color"},
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
            )
        finally:
            os.close(theirs)
        seen = bytearray()
        reading = asyncio.create_task(asyncio.to_thread(_read_all, ours, seen))
        async with asyncio.timeout(LONGEST_SECONDS):
            code = await process.wait()
            await reading
        os.close(ours)
        return Ran(code, seen.decode(errors="replace"), "")


async def ended(process: asyncio.subprocess.Process) -> Ran:
    """Wait for a command that was started."""
    async with asyncio.timeout(LONGEST_SECONDS):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


def error_lines(ran: Ran) -> Sequence[str]:
    """Standard error, and the certainty that it holds no traceback."""
    assert "Traceback" not in ran.err, ran.err
    return ran.err.splitlines()


def _read_all(descriptor: int, into: bytearray) -> None:
    while True:
        try:
            chunk = os.read(descriptor, 65_536)
        except OSError:
            return
        if not chunk:
            return
        into += chunk
