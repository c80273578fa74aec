"""What a person at a terminal sees, on standard error, while a command takes its time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prompt_queue.cli.output import console

SILENT_SECONDS = 1.0


@contextmanager
def spinner(message: str) -> Iterator[None]:
    """Say what is being waited for. Print nothing to standard output inside the block."""
    err = console(err=True)
    if not err.is_terminal:
        yield
        return
    shown = err.status(message)
    later = threading.Timer(SILENT_SECONDS, shown.start)
    later.daemon = True
    later.start()
    try:
        yield
    finally:
        later.cancel()
        later.join()
        shown.stop()
