"""Keeps child processes running: started again when they die, taken along at the end."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prompt_queue.simulator.lifeline import LIFELINE_VARIABLE
from prompt_queue.telemetry import Event, log

LONGEST_PAUSE = 10.0
LIVED_LONG_ENOUGH = 30.0


@dataclass
class Child:
    """One program that is to run. Its end of the lifeline breaks when this process dies."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: asyncio.subprocess.Process | None = None
    _task: asyncio.Task[None] | None = field(default=None, repr=False)
    _ending: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def start(self) -> None:
        """Run the program, again and again until `stop`."""
        self._task = asyncio.create_task(self._keep_running())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the running program."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def stop(self, patience: float) -> None:
        """Ask it to end, and end it after `patience` seconds."""
        self._ending.set()
        self.signal(signal.SIGTERM)
        if self._task is None:
            return
        done, _ = await asyncio.wait([self._task], timeout=patience)
        if not done:
            self.signal(signal.SIGKILL)
            await self._task

    async def _keep_running(self) -> None:
        clock = asyncio.get_running_loop().time
        pause = 0.5
        while not self._ending.is_set():
            begun = clock()
            code = await self._run_once()
            if self._ending.is_set():
                return
            lived = clock() - begun
            pause = 0.5 if lived > LIVED_LONG_ENOUGH else min(pause * 2, LONGEST_PAUSE)
            log(Event.PROCESS_ENDED, level="warning", name=self.name, code=code, again_in=pause)
            await asyncio.sleep(pause)

    async def _run_once(self) -> int:
        read_end, write_end = os.pipe()
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                env={**self.environment, LIFELINE_VARIABLE: str(read_end)},
                pass_fds=(read_end,),
                stdin=asyncio.subprocess.DEVNULL,
                # Ctrl-C goes to the whole group of the terminal; the children hear it from us.
                start_new_session=True,
            )
        finally:
            os.close(read_end)
        try:
            log(Event.PROCESS_STARTED, level="debug", name=self.name, pid=self.process.pid)
            return await self.process.wait()
        finally:
            os.close(write_end)
