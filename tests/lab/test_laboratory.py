"""A slice of the laboratory: real kills, freezes, crashes and cuts, and no promise is broken."""

import os

import pytest
from lab.campaign import Fault, run_campaign
from lab.faults import (
    clock_skew,
    cron_ticks,
    database_crashes,
    database_link,
    disk_full,
    failpoint_kills,
    freezes,
    lost_last_commit,
    model_outages,
    pool_exhaustion,
    provider_link,
    setup_kills,
    stalls,
    swallowed_commits,
)

NEEDS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 and "CI" not in os.environ, reason="only root mounts a small disk"
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
        (model_outages, 4),
        (cron_ticks, 2),
        (setup_kills, 3),
        (clock_skew, 4),
        (pool_exhaustion, 2),
        pytest.param(disk_full, 1, marks=NEEDS_ROOT),
        (lost_last_commit, 1),
    ],
    ids=lambda value: value.__name__.rpartition(".")[2] if hasattr(value, "KIND") else "",
)
async def test_a_slice_of_the_campaign_breaks_no_promise(fault: Fault, trials: int) -> None:
    """Faults under load, a drain, and three logs that agree, with no error that has no name."""
    result = await run_campaign(fault, 1, trials / fault.TRIALS)
    assert result.trials >= trials
    assert result.findings.violations == []
