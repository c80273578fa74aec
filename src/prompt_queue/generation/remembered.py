"""What was made once and may be used again for a while: bounded in bytes and in age."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Forgets what is older than `seconds`, and first what was not used for longest.

    `clock` tells seconds that never go back, `size_of` the bytes that a value counts for.
    """

    def __init__(
        self, most_bytes: int, seconds: float, size_of: Callable[[Value], int],
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._size_of = size_of
        self._clock = clock
        self._values: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> Value | None:
        """The value, if it is still there."""
        found = self._values.get(key)
        if found is None:
            return None
        kept_at, value = found
        if self._clock() > kept_at + self._seconds:
            self._forget(key)
            return None
        self._values.move_to_end(key)
        return value

    def keep(self, key: Key, value: Value) -> None:
        """Remember it from now on; one that alone is too large is not kept."""
        if key in self._values:
            self._forget(key)
        self._values[key] = (self._clock(), value)
        self._bytes += self._size_of(value)
        while self._bytes > self._most_bytes:
            self._forget(next(iter(self._values)))

    def _forget(self, key: Key) -> None:
        _, value = self._values.pop(key)
        self._bytes -= self._size_of(value)
