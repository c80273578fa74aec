"""One call, asked again while that is safe, worth it, and in time."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from prompt_queue.client.calls import Call, Page
from prompt_queue.client.errors import (
    PromptQueueError,
    RateLimited,
    TimedOut,
    Unreachable,
    error_of,
)
from prompt_queue.client.exchange import Answer, Emit, Exchange, Flow, NoAnswer, Pause, Series

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is tried; all in seconds.

    `attempt`: one request, besides what it asks the server to hold. `total`: a call with all of its
    repeats and pauses. A pause is random up to `first_pause`, doubled each time up to
    `longest_pause`. A `Retry-After` is honoured up to `longest_retry_after`. A stream starts at
    once and shows a sign of life every 15 s: where nothing has come for `first_byte`, something on
    the way collects it, and the job is watched by polling; after `silence` it is opened again.
    """

    attempt: float = 30.0
    total: float = 120.0
    first_pause: float = 0.5
    longest_pause: float = 20.0
    longest_retry_after: float = 60.0
    first_byte: float = 10.0
    silence: float = 40.0

    def pause(self, attempt: int, asked: float | None, chance: float) -> float:
        """Seconds before the repeat after this attempt (0 is the first); `chance` is 0 to 1."""
        ceiling = min(self.first_pause * 2.0 ** min(attempt, 30), self.longest_pause)
        pause = ceiling * chance
        if asked is None:
            return pause
        # Everybody was asked to wait for the same time; the random part keeps them apart.
        return min(asked, self.longest_retry_after) + min(pause, self.first_pause)


@dataclass(frozen=True, slots=True)
class Thinking:
    """What deciding takes: patience, a clock for durations, and chance."""

    patience: Patience = field(default_factory=Patience)
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def perform(self, call: Call[T]) -> Flow[T]:
        """The result of the call. Raises PromptQueueError."""
        return call.result((yield from self.answer(call)))

    def answer(self, call: Call[T], within: float | None = None) -> Flow[Answer]:
        """The answer, if it is a good one or a 304. Raises PromptQueueError for others.

        Not much more than `within` seconds later, besides what the server is asked to hold."""
        started, lost = self.clock(), False
        total = self.patience.total if within is None else min(self.patience.total, within)
        for attempt in count():
            left = max(total - (self.clock() - started), 1.0)
            seconds = min(self.patience.attempt, left) + call.request.holds
            try:
                answer: Answer = yield Exchange(call.request, seconds)
            except NoAnswer as failure:
                error, asked = _no_answer(failure), None
                again = call.request.repeatable or not failure.sent
                lost = lost or failure.sent
            else:
                if 200 <= answer.status < 300 or answer.status == 304:
                    return answer
                refused = error_of(answer, call.request)
                if lost and call.instead is not None and refused.code == call.instead[0]:
                    found: Answer = yield from self.answer(Call(call.instead[1], call.read))
                    return found
                error, asked = refused, refused.retry_after
                again = refused.retryable and (
                    call.request.repeatable or isinstance(refused, RateLimited)
                )
            pause = self.patience.pause(attempt, asked, self.chance())
            if not again or self.clock() - started + pause >= total:
                raise error
            yield Pause(pause)
        raise AssertionError("attempts do not end by themselves")

    def items(self, first: Callable[[str | None], Call[Page[T]]]) -> Series[T]:
        """Every item of a list, page after page."""
        cursor: str | None = None
        while True:
            found: Page[T] = yield from self.perform(first(cursor))
            for item in found.items:
                yield Emit(item)
            if found.next_cursor is None:
                return
            cursor = found.next_cursor


def _no_answer(failure: NoAnswer) -> PromptQueueError:
    if failure.late:
        return TimedOut(str(failure))
    return Unreachable(str(failure), sent=failure.sent)
