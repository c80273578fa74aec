"""The scenarios hold, and each of them is worth something: no mutant of the SQL survives them."""

from collections.abc import AsyncIterator, Sequence

import pytest
from lab.killing import AS_THEY_ARE, killer
from lab.mutant import Edit, Mutant, MutantOutdated
from lab.mutants import MUTANTS
from lab.webhook_mutants import OUTBOX_MUTANTS

from tests.proofs.acts import Acts
from tests.proofs.scenarios import OUTBOX_SCENARIOS, SCENARIOS, Scenario

PARTS = 4
"""So that they can be tried on several cores."""


@pytest.fixture
async def clients(database_url: str) -> AsyncIterator[tuple[Acts, Acts]]:
    pair = await Acts.open(database_url), await Acts.open(database_url)
    yield pair
    for one in pair:
        await one.close()


@pytest.mark.parametrize("scenario", [*SCENARIOS, *OUTBOX_SCENARIOS], ids=lambda s: s.__name__)
async def test_scenario(clients: tuple[Acts, Acts], scenario: Scenario) -> None:
    """The behaviour that the scenario's name says holds of the functions as they are."""
    await scenario(*clients)


@pytest.mark.parametrize("part", range(PARTS))
async def test_no_mutant_survives(clients: tuple[Acts, Acts], part: int) -> None:
    """Each guard of the SQL that is taken away, and each historical bug, fails a scenario."""
    assert await _survivors(clients, (AS_THEY_ARE,), SCENARIOS) == [AS_THEY_ARE.name]
    assert await _survivors(clients, MUTANTS[part::PARTS], SCENARIOS) == []


async def test_no_mutant_of_outbox_promises_and_alerts_survives(
    clients: tuple[Acts, Acts],
) -> None:
    """The same for who is told what, for what was promised, and for since when it is wrong."""
    assert await _survivors(clients, (AS_THEY_ARE,), OUTBOX_SCENARIOS) == [AS_THEY_ARE.name]
    assert await _survivors(clients, OUTBOX_MUTANTS, OUTBOX_SCENARIOS) == []


async def _survivors(
    clients: tuple[Acts, Acts], mutants: Sequence[Mutant], scenarios: Sequence[Scenario]
) -> list[str]:
    return [m.name for m in mutants if await killer(*clients, m, scenarios) is None]


def test_a_mutant_of_a_text_that_is_gone_says_so() -> None:
    """A change of the SQL cannot quietly disarm the mutants."""
    outdated = Mutant("no such thing", (Edit("settle_prompt_jobs", "no such text", ""),))
    with pytest.raises(MutantOutdated, match="settle_prompt_jobs"):
        outdated.functions()
