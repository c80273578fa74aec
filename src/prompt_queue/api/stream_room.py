"""How many streams may be open at one server, of one user and in all."""

from collections import Counter
from uuid import UUID

from prompt_queue.api.problems import Problem

_COME_AGAIN_SECONDS = 30


class StreamRoom:
    """Counts open streams; polling goes on where there is no room for one more."""

    def __init__(self, of_one: int, of_all: int) -> None:
        self._of_one = of_one
        self._of_all = of_all
        self._open: Counter[UUID] = Counter()

    def enter(self, user: UUID) -> None:
        """One more. Raises Problem."""
        if self._open[user] >= self._of_one:
            said = f"You have {self._of_one} open streams; close one, or"
        elif self._open.total() >= self._of_all:
            said = "This server has as many streams as it may;"
        else:
            self._open[user] += 1
            return
        raise Problem(
            "too_many_streams",
            f"{said} ask again after nextPollMs.",
            retry_after=_COME_AGAIN_SECONDS,
        )

    def leave(self, user: UUID) -> None:
        """One less."""
        self._open[user] -= 1
        if not self._open[user]:
            del self._open[user]
