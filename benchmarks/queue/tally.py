"""What a worker process tells the harness while it is measured, without a word between them."""

import mmap
import time
from pathlib import Path
from typing import Self

_WORD = 8


class Tally:
    """A shared file: how many handlers have begun, and when each of the first ones did.

    Times are nanoseconds of the system's monotonic clock, which all processes share.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, in the worker."""
        with path.open("r+b") as file:
            self._words = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
        self._most_times = len(self._words) - 1

    @classmethod
    def create(cls, path: Path, times: int = 0) -> Self:
        """Make the file, in the harness, with room for so many times."""
        path.write_bytes(bytes(_WORD * (times + 1)))
        return cls(path)

    @property
    def handled(self) -> int:
        """How many handlers have begun."""
        return self._words[0]

    def begin(self) -> None:
        """A handler begins."""
        number = self._words[0]
        if number < self._most_times:
            self._words[number + 1] = time.monotonic_ns()
        self._words[0] = number + 1

    def began_at(self, number: int) -> int:
        """When the handler of this number (from 0) began."""
        return self._words[number + 1]
