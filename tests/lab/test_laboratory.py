"""A slice of the laboratory: real kills, freezes, crashes and cuts, and no promise is broken."""

import pytest
from lab.campaign import Fault, run_campaign
from lab.faults import (
    database_crashes,
    database_link,
    failpoint_kills,
    freezes,
    provider_link,
    stalls,
    swallowed_commits,
)


@pytest.mark.parametrize(
    ("fault", "trials"),
    [
        (failpoint_kills, 22),
        (freezes, 6),
        (stalls, 6),
        (database_crashes, 3),
        (swallowed_commits, 18),
        (database_link, 8),
        (provider_link, 12),
    ],
    ids=["kills", "freezes", "stalls", "crashes", "swallowed", "database", "provider"],
)
async def test_a_slice_of_the_campaign_breaks_no_promise(fault: Fault, trials: int) -> None:
    """Faults under load, a drain, and three logs that agree, with no error that has no name."""
    result = await run_campaign(fault, 1, trials / fault.TRIALS)
    assert result.trials >= trials
    assert result.findings.violations == []
