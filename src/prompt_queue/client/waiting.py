"""Waiting for the end of a job by requests that the server holds."""

from collections.abc import Generator
from typing import Any, Final, TypeVar
from uuid import UUID

from prompt_queue.client.calls import Kind
from prompt_queue.client.errors import TimedOut, asked_pause
from prompt_queue.client.exchange import Deed, Emit, Flow, Pause
from prompt_queue.client.models import Job, Update
from prompt_queue.client.retrying import Thinking

J = TypeVar("J", bound=Job)
_LONGEST_HOLD: Final = 25.0
# A server that answers at once has nothing to hold, does not know how, or is about to stop.
_SHORTEST_TURN: Final = 0.5


def until_final(
    think: Thinking, kind: Kind[J], job_id: str | UUID, timeout: float | None
) -> Flow[J]:
    """The job when it has ended. Raises TimedOut after `timeout` seconds."""
    started = think.clock()
    while True:
        left = _LONGEST_HOLD if timeout is None else timeout - (think.clock() - started)
        turn = think.clock()
        call = kind.get(job_id, wait=max(0.0, min(left, _LONGEST_HOLD)))
        answer = yield from think.answer(call, within=None if timeout is None else left)
        last = call.result(answer)
        if last.is_final:
            return last
        if timeout is not None and think.clock() - started >= timeout:
            raise TimedOut(f"{job_id} is still {last.status} after {timeout:g} s", job=last)
        rest = _rest(think.clock() - turn, asked_pause(answer, last.next_poll_ms))
        if timeout is not None:
            rest = min(rest, max(0.0, timeout - (think.clock() - started)))
        yield Pause(rest)


def poll(
    think: Thinking, kind: Kind[J], job_id: str | UUID, seen: J | None, seconds: float | None
) -> Generator[Deed | Emit[Update[J]], Any, J | None]:
    """Each version of a job that is new, until it has ended, or about `seconds` have passed.

    `seen` is what is known of it; returns what is known in the end.
    """
    started, etag = think.clock(), None
    while seconds is None or think.clock() - started < seconds:
        turn = think.clock()
        call = kind.get(job_id, wait=_LONGEST_HOLD if etag else 0.0, etag=etag)
        answer = yield from think.answer(call)
        if answer.status != 304:
            job = call.result(answer)
            etag = answer.headers.get("etag")
            if differs(job, seen):
                yield Emit(Update(job=job, kind="changed" if seen else "snapshot", via="poll"))
            seen = job
            if job.is_final:
                return job
        # What has changed is told at once; where nothing has, the server says when to ask again.
        unchanged = answer.status == 304
        asked = asked_pause(answer, seen.next_poll_ms if seen else None) if unchanged else None
        yield Pause(_rest(think.clock() - turn, asked))
    return seen


def differs(job: Job, seen: Job | None) -> bool:
    """Whether there is anything to tell about a job besides how long it will take."""
    if seen is None:
        return True
    return any(
        getattr(job, name, None) != getattr(seen, name, None)
        for name in ("status", "partial_prompt", "position", "updated_at", "waiting_reason")
    )


def _rest(took: float, asked: float | None) -> float:
    """Seconds to leave before the next request: none where the server held the last one."""
    if took >= _SHORTEST_TURN:
        return 0.0
    return min(max(asked or 0.0, _SHORTEST_TURN - took), _LONGEST_HOLD)
