"""Each alert rule fires for what it watches, and is silent on a queue that is well."""

import pytest

from prompt_queue.jobs.alerts import RULES, firing, read_thresholds
from prompt_queue.jobs.measures import (
    Breaker,
    Depth,
    Horizon,
    Measures,
    RecentJobs,
    TableRows,
    WebhookTries,
)

_BROKE = Breaker("grok-4.7", "open", "out_of_credit", 10.0, None, None)
_OPEN = Breaker("grok-4.7", "half_open", "server_error", 400.0, None, None)
CASES = {
    "depth": Measures(workers=1, depth=(Depth("ready", 5, 10_001),)),
    "oldest": Measures(workers=1, depth=(Depth("delayed", 5, 1),), oldest_seconds=301.0),
    "error_rate": Measures(completed_last_hour=8, failed_last_hour=2),
    "processing": Measures(completed_last_hour=1, processing_seconds=61.0),
    "templates": Measures(
        recent_jobs=(
            RecentJobs("completed", "model", None, 7), RecentJobs("completed", "template", None, 3)
        )
    ),
    "no_worker": Measures(workers=0, depth=(Depth("ready", 5, 1),)),
    "out_of_credit": Measures(breakers=(_BROKE,)),
    "breaker_open": Measures(breakers=(_OPEN,)),
    "webhooks": Measures(webhook_tries=WebhookTries(7, 3)),
    "promises": Measures(promises=(("done", 50, 0.7),)),
    "dead_rows": Measures(tables=(TableRows("prompt_job_queue", 1_000, 60_000),)),
    "horizon": Measures(horizon=Horizon(7, "psql", "idle in transaction", 601.0)),
}  # fmt: skip
WELL = Measures(
    workers=1,
    depth=(Depth("ready", 5, 10), Depth("processing", 5, 3)),
    oldest_seconds=5.0,
    completed_last_hour=100,
    failed_last_hour=5,
    processing_seconds=12.0,
    recent_jobs=(RecentJobs("completed", "template", None, 9),),
    breakers=(Breaker("grok-4.7", "closed", "out_of_credit", 0.0, 1.0, 2.0),),
    # What was given up long ago wakes nobody now.
    webhooks=(("delivered", 9), ("exhausted", 100), ("pending", 500)),
    webhook_tries=WebhookTries(80, 20),
    promises=(("done", 50, 0.9),),
    tables=(TableRows("prompt_job_queue", 10, 49_000),),
    horizon=Horizon(7, "psql", "active", 3.0),
)


@pytest.mark.parametrize("name", RULES)
def test_each_rule_fires_alone(name: str) -> None:
    """Its case passes its threshold and no other."""
    (alert,) = firing(CASES[name], {})
    assert (alert.name, alert.threshold) == (name, RULES[name].threshold)
    assert len(alert.sentence) > 40


def test_a_queue_that_is_well_is_silent() -> None:
    """Values near their thresholds, and shares of too few, wake nobody."""
    assert firing(WELL, {}) == []


def test_a_threshold_of_the_operator_counts() -> None:
    """What is set replaces what is usual."""
    assert [alert.name for alert in firing(WELL, {"depth": 9.0})] == ["depth"]


@pytest.mark.parametrize("entry", ["depht=5", "depth", "depth=", "depth=-1", "depth=nan"])
def test_a_wrong_threshold_is_explained(entry: str) -> None:
    """The sentence shows the form and lists the alerts."""
    with pytest.raises(ValueError, match="for example depth=500; the alerts are depth, oldest"):
        read_thresholds((entry,))
