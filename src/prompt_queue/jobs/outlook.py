"""What can be said now about any job's wait: forecasts, or why there is none. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from prompt_queue.jobs.calibration import Scored
from prompt_queue.jobs.eta import (
    Conditions,
    Expectation,
    Forecast,
    estimated_position,
    expect,
    forecast,
)
from prompt_queue.jobs.priority import range_around
from prompt_queue.jobs.waiting import Hold, Standing, Surroundings, WaitCode, WaitingReason
from prompt_queue.jobs.waiting import waiting_reason as reason_of

EXACT_POSITIONS = 1000
"""Up to here positions are counted, beyond they are estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Jobs that wait for one provider, and the newest promises that were put to the test."""

    conditions: Conditions
    hold: Hold | None = None
    starts: Sequence[Scored] = ()
    ends: Sequence[Scored] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A forecast, what it was made from, and, where there is none, the code of the reason.

    `seconds` until the end is always a number: where nobody can know, as if work went on now.
    """

    expected: Expectation
    forecast: Forecast | None
    reason: str | None
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A look at the whole queue. `lanes` are the ready jobs by priority, where there are many.

    Jobs of `paused_priorities` wait, and nobody waits for them.
    """

    now: datetime
    workers: int
    queue_paused: bool
    prompts: Line
    pictures: Line
    lanes: Mapping[int, int] = field(default_factory=dict)
    paused_priorities: frozenset[int] = frozenset()

    @property
    def blocked(self) -> str | None:
        """Why nothing moves, if nothing does and nobody knows how long."""
        if self.queue_paused:
            return WaitCode.PAUSED
        return WaitCode.NO_WORKER if self.workers == 0 else None

    def position(self, counted: int, priority: int, share: float) -> tuple[int, bool]:
        """How many jobs come first, and whether that is exact."""
        stopped = self.paused_priorities
        above = sum(n for lane, n in self.lanes.items() if lane > priority and lane not in stopped)
        in_lane = self.lanes.get(priority, 0)
        return estimated_position(above, in_lane, share, counted, EXACT_POSITIONS)

    def prompt(self, ahead: int, priority: int, *, delay: float = 0.0) -> Told:
        """A prompt job with `ahead` before it, that may not start for another `delay` seconds."""
        expected = _later(expect(self.prompts.conditions, ahead, priority), delay)
        return self._told(expected, self.prompts, priority)

    def prompt_at_work(self, elapsed: float) -> Told:
        """A prompt job that began `elapsed` seconds ago."""
        return self._told(_under_way(self.prompts.conditions, elapsed), self.prompts)

    def picture(self, ahead: int, priority: int, prompt: Expectation | None = None) -> Told:
        """A picture job, behind its prompt where it waits for one."""
        own = expect(self.pictures.conditions, ahead, priority)
        expected = own if prompt is None else _one_after_another(prompt, own)
        told = self._told(expected, self.pictures, priority)
        prompt_stuck = prompt is not None and _stuck(self.prompts)
        if told.forecast is None or not prompt_stuck:
            return told
        reason = self.prompts.hold.code if self.prompts.hold else None
        return Told(expected=expected, forecast=None, reason=reason, seconds=told.seconds)

    def picture_at_work(self, elapsed: float) -> Told:
        """A picture that was bought `elapsed` seconds ago."""
        return self._told(_under_way(self.pictures.conditions, elapsed), self.pictures)

    def reason(self, place: Standing, line: Line, priority: int) -> WaitingReason:
        """Why a job of this line and priority waits."""
        around = Surroundings(
            now=self.now,
            workers=self.workers,
            queue_paused=self.queue_paused,
            paused_range=range_around(priority, self.paused_priorities),
            hold=line.hold,
        )
        return reason_of(place, around)

    def _told(self, expected: Expectation, line: Line, priority: int | None = None) -> Told:
        promised = forecast(expected, line.starts, line.ends)
        reason = self.blocked
        if priority in self.paused_priorities:
            reason = WaitCode.PAUSED
        if reason is None and _stuck(line) and line.hold:
            reason = line.hold.code
        return Told(
            expected=expected,
            forecast=None if reason else promised,
            reason=reason,
            seconds=max(1, round(promised.done_p50)),
        )


def _stuck(line: Line) -> bool:
    return line.hold is not None and line.hold.seconds is None


def _later(expected: Expectation, delay: float) -> Expectation:
    wait = max(delay - expected.start, 0.0)
    return Expectation(
        start=expected.start + wait,
        start_spread=expected.start_spread,
        done=expected.done + wait,
        done_spread=expected.done_spread,
    )


def _one_after_another(first: Expectation, second: Expectation) -> Expectation:
    return Expectation(
        start=first.done + second.start,
        start_spread=math.hypot(first.done_spread, second.start_spread),
        done=first.done + second.done,
        done_spread=math.hypot(first.done_spread, second.done_spread),
    )


def _under_way(now: Conditions, elapsed: float) -> Expectation:
    pace = now.pace
    left = max(pace.median - elapsed, 0.2 * pace.median)
    return Expectation(
        start=0.0, start_spread=0.01, done=left, done_spread=max(pace.p90 - pace.median, 0.3 * left)
    )
