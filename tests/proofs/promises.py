"""What must hold of promises about waits, and of the memory of alerts: more scenarios."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from tests.proofs.acts import Acts
from tests.proofs.outbox import endpoint, owner

HOUR = 3600.0
NOTE = "select public.note_prompt_promise($1, $2, 5, $3::jsonb)"
SCORE = "select public.score_prompt_promises()"
KEPT = "select kind, kept, scored from public.prompt_promise_coverage(24)"
ALERTS = "select * from public.note_prompt_alerts($1::jsonb, $2)"
AGE = "update public.prompt_queue_alerts set last_seen = last_seen - interval '31 seconds'"


async def _promise(queue: Acts, job: UUID, **more: float) -> None:
    """An hour for everything, and an error that is easy to tell."""
    said = {
        "start_base": 1000, "start_spread": 10, "start_p50": HOUR, "start_p90": HOUR,
        "done_base": 1000, "done_spread": 10, "done_p50": HOUR, "done_p90": HOUR,
    }  # fmt: skip
    await queue.connection.execute(NOTE, job, "prompt", json.dumps(said | more))


async def _score(queue: Acts) -> int:
    found: int = await queue.connection.fetchval(SCORE)
    return found


async def _kept(queue: Acts) -> dict[str, tuple[int, int]]:
    return {row["kind"]: (row["kept"], row["scored"]) for row in await queue.connection.fetch(KEPT)}


async def _end(queue: Acts, job: UUID) -> None:
    assert (await queue.settle(job, (await queue.claim())[job], "completed"))[0]


async def a_promise_is_scored_once_when_its_job_has_ended(queue: Acts, _: Acts) -> None:
    """Kept, with what was expected as its measure; the end alone counts, not the time it is due."""
    job = await queue.enqueue()
    await _promise(queue, job, start_p50=0, done_p50=0)
    assert await _score(queue) == 0
    await _end(queue, job)
    assert await _score(queue) == 1
    assert await _kept(queue) == {"start": (1, 1), "done": (1, 1)}
    error = await queue.connection.fetchval("select done_error from public.prompt_promises")
    assert -100.1 < error < -95
    assert await _score(queue) == 0


async def a_promise_that_is_overdue_is_broken(queue: Acts, _: Acts) -> None:
    """Each half for itself, before the job has ended and after."""
    job, late = await queue.enqueue(), await queue.enqueue()
    await _promise(queue, job, start_p90=0)
    await _score(queue)
    assert await _kept(queue) == {"start": (0, 1)}
    await _promise(queue, late, done_p90=0)
    await _score(queue)
    assert await _kept(queue) == {"start": (0, 1), "done": (0, 1)}
    await queue.clear()
    job = await queue.enqueue()
    await _promise(queue, job, done_p90=0)
    await _end(queue, job)
    await _score(queue)
    assert await _kept(queue) == {"start": (1, 1), "done": (0, 1)}


async def a_half_that_was_scored_is_counted_once(queue: Acts, _: Acts) -> None:
    """The other half comes later, and says nothing new of the first."""
    job = await queue.enqueue()
    await _promise(queue, job, start_p90=0)
    await _score(queue)
    await _end(queue, job)
    assert await _score(queue) == 1
    assert await _kept(queue) == {"start": (0, 1), "done": (1, 1)}


async def what_was_cancelled_or_deleted_says_nothing(queue: Acts, _: Acts) -> None:
    """Neither kept nor broken, and not looked at again."""
    job = await queue.enqueue()
    for one in (job, uuid4()):
        await _promise(queue, one, start_p90=0, done_p90=0)
    await queue.cancel(job)
    assert await _score(queue) == 2
    assert await _kept(queue) == {}
    assert await _score(queue) == 0


async def coverage_is_of_a_day_and_by_kind(queue: Acts, _: Acts) -> None:
    """Pictures are told apart from prompts, and what is older than asked for is left out."""
    for kind, hours in (("done", 1), ("done", 2), ("done", 30), ("picture", 1)):
        await queue.connection.execute(
            "insert into public.prompt_promise_tally (at, kind, kept, scored) "
            "values (clock_timestamp() - make_interval(hours => $2), $1, 1, 1)", kind, hours,
        )  # fmt: skip
    assert await _kept(queue) == {"done": (2, 2), "picture": (1, 1)}


def _alert(about: str = "", value: float = 12.0) -> dict[str, Any]:
    return {"name": "depth", "about": about, "value": value, "threshold": 10.0, "sentence": "Many."}


async def _note(queue: Acts, *alerts: dict[str, Any], user: UUID | None = None) -> list[Any]:
    rows = await queue.connection.fetch(ALERTS, json.dumps(alerts), user)
    return [tuple(row) for row in rows]


async def _only(queue: Acts, *alerts: dict[str, Any]) -> tuple[str, str, datetime, float]:
    """Change, subject, beginning and value of the one thing that there is to tell."""
    told = await _note(queue, *alerts)
    assert len(told) == 1
    return told[0][0], told[0][2], told[0][3], told[0][4]


async def an_alert_begins_once_and_ends_once(queue: Acts, _: Acts) -> None:
    """After a while of quiet only; meanwhile its value is kept, and since when."""
    change, _about, since, _value = await _only(queue, _alert())
    assert change == "firing"
    assert await _note(queue, _alert(value=15.0)) == []
    assert await _note(queue) == []
    await queue.connection.execute(AGE)
    assert await _note(queue, _alert(value=15.0)) == []
    await queue.connection.execute(AGE)
    change, _about, began, value = await _only(queue)
    assert (change, began, value) == ("resolved", since, 15.0)
    assert await _note(queue) == []
    change, _about, again, _value = await _only(queue, _alert())
    assert (change, again > since) == ("firing", True)


async def two_subjects_are_two_alerts(queue: Acts, _: Acts) -> None:
    """One begins while the other one goes on."""
    assert len(await _note(queue, _alert("a"))) == 1
    second = await _only(queue, _alert("a"), _alert("b"))
    assert second[:2] == ("firing", "b")


async def of_all_who_find_an_alert_one_tells_it(queue: Acts, other: Acts) -> None:
    """Who comes second waits for who came first, and has nothing to tell."""
    assert await queue.overtakes(_note(queue, _alert()), other, _note(other, _alert())) == []


async def an_alert_is_a_webhook_with_one_subject(queue: Acts, _: Acts) -> None:
    """Its beginning and its end arrive in this order."""
    await endpoint(queue)
    user = await owner(queue)
    await _note(queue, _alert(), user=user)
    await queue.connection.execute(AGE)
    await _note(queue, user=user)
    rows = await queue.connection.fetch(
        "select type, subject from public.webhook_messages order by number"
    )
    assert [row["type"] for row in rows] == ["alert.firing", "alert.resolved"]
    assert len({row["subject"] for row in rows}) == 1


PROMISES = (
    a_promise_is_scored_once_when_its_job_has_ended,
    a_promise_that_is_overdue_is_broken,
    a_half_that_was_scored_is_counted_once,
    what_was_cancelled_or_deleted_says_nothing,
    coverage_is_of_a_day_and_by_kind,
    an_alert_begins_once_and_ends_once,
    two_subjects_are_two_alerts,
    of_all_who_find_an_alert_one_tells_it,
    an_alert_is_a_webhook_with_one_subject,
)
