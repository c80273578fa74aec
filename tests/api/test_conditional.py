"""Headers that make an answer conditional or late, and who may press the operator's buttons."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from prompt_queue.api.auth import is_bearer_of
from prompt_queue.api.clock import DatabaseClock
from prompt_queue.api.conditional import matches, preferred_wait
from prompt_queue.api.estimates import Estimates, poll_after
from prompt_queue.api.waiting import JobWatch
from prompt_queue.jobs.job import Status
from prompt_queue.store.database import DatabaseUnavailable
from tests.conftest import until_true


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("respond-async", None),
        ("wait=10", 10),
        ("WAIT = 7", 7),
        ('respond-async; foo=1, wait="30"', 30),
        ("wait=600", 60),
        ("wait=-1", None),
        ("wait=abc", None),
        ("nowait=3", None),
    ],
)
def test_preferred_wait_is_read_or_ignored(header: str | None, seconds: int | None) -> None:
    """A preference that cannot be understood is ignored, as RFC 7240 asks."""
    assert preferred_wait(header) == seconds


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, False),
        ('W/"a"', True),
        ('"a"', True),
        ('"b", W/"a"', True),
        ("*", True),
        ('W/"b"', False),
        ("a", False),
    ],
)
def test_etags_are_compared_weakly(header: str | None, found: bool) -> None:
    """A list, a strong form and * all count."""
    assert matches(header, 'W/"a"') is found


@pytest.mark.parametrize(
    ("secret", "header", "good"),
    [
        ("s", "Bearer s", True),
        ("s", "bearer s", True),
        ("s", "Bearer S", False),
        ("s", "Basic s", False),
        ("ä", "Bearer ä", True),
        ("ä", "Bearer \udce4", False),
        ("s", None, False),
    ],
)
def test_only_the_secret_opens(secret: str, header: str | None, good: bool) -> None:
    """Every other scheme, spelling or byte is refused without a crash."""
    assert is_bearer_of(secret, header) is good


def test_clients_are_asked_to_come_back_between_1_and_30_seconds() -> None:
    """Never a busy loop, never forgotten."""
    assert [poll_after(s) for s in (0, 1, 12, 4000)] == [1, 1, 12, 30]


async def test_one_look_at_the_statistics_serves_all_who_ask_meanwhile() -> None:
    """A hundred askers at once cause two looks at most, and nobody gets an older one."""
    looks = 0

    async def read() -> object:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0.02)
        return looks

    estimates = Estimates(read)  # type: ignore[arg-type]
    await asyncio.gather(*(estimates.stats() for _ in range(100)))
    assert looks <= 2
    before = looks
    assert await estimates.recent() == before
    assert await estimates.stats() == before + 1


async def test_the_clock_goes_on_without_the_database() -> None:
    """A known time is kept while the database is away; an unknown one is an error."""
    answers: list[float | Exception] = [DatabaseUnavailable("away"), 1000.0]

    async def read() -> float:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    clock = DatabaseClock(read)
    with pytest.raises(DatabaseUnavailable):
        await clock.now()
    assert 1000 <= await clock.now() < 1010
    assert 1000 <= await clock.now() < 1010


async def test_a_cancelled_waiter_leaves_nothing_behind() -> None:
    """Whoever stops waiting is no longer asked for, and the poller ends with the last one."""
    asked: list[int] = []
    job_id, changed = uuid4(), datetime(2026, 1, 1, tzinfo=UTC)

    async def find_versions(ids: object) -> dict[object, object]:
        asked.append(len(ids))  # type: ignore[arg-type]
        return {job_id: (Status.QUEUED, changed)}

    watch = JobWatch(find_versions)  # type: ignore[arg-type]
    first = asyncio.create_task(watch.until_final(job_id, 30))
    second = asyncio.create_task(watch.until_final(job_id, 30))
    await until_true(lambda: asked)
    assert asked == [1]
    first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    await asyncio.sleep(0.6)
    assert len(asked) <= 2
    await watch.until_final(job_id, 0.05)
    assert len(asked) <= 3
    await watch.close()


async def test_a_poller_that_cannot_ask_goes_on() -> None:
    """A database that is away for a moment does not end the waiting."""
    job_id, changed = uuid4(), datetime(2026, 1, 1, tzinfo=UTC)
    answers = [None, {job_id: (Status.COMPLETED, changed)}]

    async def find_versions(_ids: object) -> object:
        answer = answers.pop(0)
        if answer is None:
            raise DatabaseUnavailable("away")
        return answer

    watch = JobWatch(find_versions)  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        await watch.until_final(job_id, 30)
    await watch.close()
