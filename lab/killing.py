"""Plants a mutant in a database and finds the scenario that notices it."""

from collections.abc import Sequence

import asyncpg
from tests.proofs.acts import Acts
from tests.proofs.scenarios import Scenario

from lab.mutant import Mutant
from prompt_queue.store.bundle import present_functions

AS_THEY_ARE = Mutant("the functions as they are", ())
"""No mistake at all: no scenario may notice it."""

# A mutant that is no SQL any more raises something else, and proves nothing.
_NOTICED = (
    AssertionError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ObjectNotInPrerequisiteStateError,
)


async def killer(
    queue: Acts, other: Acts, planted: Mutant, scenarios: Sequence[Scenario]
) -> str | None:
    """The first scenario that fails while the mutant is in their database; None if all hold."""
    changed, present = planted.functions(), present_functions()
    try:
        for body in changed.values():
            await queue.connection.execute(body)
        for scenario in scenarios:
            await queue.clear()
            try:
                await scenario(queue, other)
            except _NOTICED:
                return scenario.__name__
        return None
    finally:
        for function in changed:
            await queue.connection.execute(present[function])
