"""One worker process: `python -m benchmarks.queue.worker SIDE TALLY`, the DSN in DATABASE_URL.

It says `ready` when it is connected, begins when a line comes, and ends with SIGTERM.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import uvloop

from benchmarks.queue.sides import side
from benchmarks.queue.tally import Tally


async def work(name: str, tally: Tally) -> None:
    """Work until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with side(name).worker(os.environ["DATABASE_URL"], tally.begin) as run:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await run(stopping)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(sys.argv[1], Tally(Path(sys.argv[2]))))
