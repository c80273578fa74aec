"""Places where a process can be told to die, freeze, stall or fail: for the fault laboratory.

`PROMPT_QUEUE_FAILPOINTS=name:action[:seconds][@hit],...` arms them, for example
`settle.sent:kill@3` (die at the third settle that is under way). Unset, as in production, a
failpoint is one look into an empty dictionary. Actions: `kill` (SIGKILL to oneself), `stop`
(SIGSTOP; somebody else sends SIGCONT), `stall` (block the thread for some seconds), `raise`.
"""

import asyncio
import itertools
import os
import signal
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar, get_args

VARIABLE: Final = "PROMPT_QUEUE_FAILPOINTS"

Name = Literal[
    "claim.sent",
    "claim.committed",
    "intent.before",
    "intent.committed",
    "request.sent",
    "reply.begun",
    "reply.read",
    "settle.sent",
    "settle.committed",
    "heartbeat.sent",
    "reap.sent",
    "cron.claimed",
    "migration.inside",
    "enqueue.committed",
    "submit.sent",
    "submit.answered",
    "picture.saved",
    "webhook.sent",
    "webhook.answered",
]
NAMES: Final[tuple[str, ...]] = get_args(Name)
ACTIONS: Final = ("kill", "stop", "stall", "raise")

_T = TypeVar("_T")


class FailpointError(ValueError):
    """The variable cannot be read; the message says what to write."""


class Injected(Exception):
    """What the action `raise` raises."""


@dataclass(slots=True)
class _Armed:
    action: str
    seconds: float
    hit: int
    count: Iterator[int] = field(default_factory=lambda: itertools.count(1))


def parse(text: str) -> dict[str, _Armed]:
    """The armed failpoints by name. Raises FailpointError."""
    armed = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        rest, _, hit = entry.partition("@")
        name, action, seconds = (*rest.split(":"), "", "")[:3]
        if name not in NAMES or action not in ACTIONS:
            raise FailpointError(
                f"{VARIABLE}: {entry!r} is not name:action[:seconds][@hit] with a name of "
                f"{', '.join(NAMES)} and an action of {', '.join(ACTIONS)}"
            )
        try:
            armed[name] = _Armed(action, float(seconds or 0), int(hit or 1))
        except ValueError:
            raise FailpointError(f"{VARIABLE}: {entry!r} has no readable number") from None
    return armed


_armed = parse(os.environ.get(VARIABLE, ""))


def arm(text: str) -> None:
    """Arm these and no others, as the variable would. Raises FailpointError."""
    _armed.clear()
    _armed.update(parse(text))


def reached(name: Name) -> None:
    """The path has come to this place."""
    failpoint = _armed.get(name)
    if failpoint is None or next(failpoint.count) != failpoint.hit:
        return
    match failpoint.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "stall":
            time.sleep(failpoint.seconds)
        case _:
            raise Injected(name)


async def under_way(name: Name, work: Coroutine[Any, Any, _T], pause: float = 0.0) -> _T:
    """The result of `work`; the failpoint lies between its bytes having left and their answer.

    `pause` is how many seconds the bytes need to leave: none on an open connection.
    """
    if name not in _armed:
        return await work
    task = asyncio.ensure_future(work)
    # One turn of the loop acquires the connection, the next writes the statement.
    for _ in range(3):
        await asyncio.sleep(0)
    if pause:
        await asyncio.wait({task}, timeout=pause)
    try:
        reached(name)
    except Injected:
        task.cancel()
        raise
    return await task
