"""A slice of the laboratory: real kills, real crashes, and nothing is lost or paid twice."""

import pytest
from lab.campaign import FAULTS, Fault, run_campaign


@pytest.mark.parametrize(("fault", "scale"), [(FAULTS[0], 0.1)], ids=["failpoint_kills"])
async def test_a_slice_of_the_campaign_finds_nothing(fault: Fault, scale: float) -> None:
    result = await run_campaign(fault, 1, scale)

    assert result.trials > 0
    assert result.findings.violations == []
