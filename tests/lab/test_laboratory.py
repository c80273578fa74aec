"""A slice of the laboratory: real kills, freezes and crashes, and no promise is broken."""

from dataclasses import replace

import pytest
from lab.campaign import Fault, run_campaign
from lab.faults import database_crashes, failpoint_kills, freezes


@pytest.mark.parametrize(
    ("fault", "scale"),
    [(failpoint_kills, 0.1), (freezes, 0.12), (database_crashes, 0.12)],
    ids=["kills", "freezes", "crashes"],
)
async def test_a_slice_of_the_campaign_breaks_no_promise(fault: Fault, scale: float) -> None:
    result = await run_campaign(fault, 1, scale)

    assert result.trials > 0
    # A surprise is an error without a name, not a broken promise: the report tells of those.
    assert replace(result.findings, surprises=[]).violations == []
