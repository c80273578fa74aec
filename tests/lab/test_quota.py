"""Trials go on until enough have hit, or until their time is up."""

import asyncio

from lab.quota import until_enough


async def test_misses_are_made_up_for_and_no_trial_is_too_many() -> None:
    """Every second trial misses; three lanes stop at exactly the wanted number."""
    seen: list[int] = []

    async def every_second(number: int) -> bool:
        seen.append(number)
        await asyncio.sleep(0)
        return number % 2 == 1

    assert await until_enough(7, 60, [every_second] * 3) == 7
    assert sum(number % 2 for number in seen) == 7
    assert sorted(seen) == list(range(len(seen)))


async def test_trials_that_never_hit_end_in_time() -> None:
    """The count is what happened, not what was wanted."""

    async def miss(_: int) -> bool:
        await asyncio.sleep(0.01)
        return False

    async with asyncio.timeout(5):
        assert await until_enough(7, 0.1, [miss]) == 0
