"""A slice of the laboratory: real kills, freezes and crashes, and no promise is broken."""

import pytest
from lab.campaign import Fault, run_campaign
from lab.faults import database_crashes, failpoint_kills, freezes


@pytest.mark.parametrize(
    ("fault", "scale"),
    [(failpoint_kills, 0.1), (freezes, 0.12), (database_crashes, 0.12)],
    ids=["kills", "freezes", "crashes"],
)
async def test_a_slice_of_the_campaign_breaks_no_promise(fault: Fault, scale: float) -> None:
    """Faults under load, a drain, and three logs that agree, with no error that has no name."""
    result = await run_campaign(fault, 1, scale)
    assert result.trials > 0
    assert result.findings.violations == []
