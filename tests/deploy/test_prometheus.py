"""The alert rules for Prometheus: well formed, complete, and about metrics that there are."""

import re
import subprocess

from prompt_queue.api.exposition import METRICS, TIMES, UP
from prompt_queue.jobs.alerts import RULES
from prompt_queue.vitals import LAG
from prompt_queue.worker.exposition import WORKER_METRICS
from tests.deploy.programs import installed
from tests.deploy.reading import DEPLOY

FOLDER = DEPLOY / "prometheus"
TEXT = (FOLDER / "rules.yml").read_text("utf-8")


def test_each_rule_fires_on_purpose_and_is_silent_on_a_queue_that_is_well() -> None:
    """Prometheus's own tool runs the rules over made-up series."""
    promtool = installed("promtool", "prometheus")
    run = subprocess.run(
        [promtool, "test", "rules", "rules.test.yml"],
        cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_rules_are_those_of_the_janitor() -> None:
    """Each alert of /api/health has a rule; two more are of what only a scraper can see."""
    names = re.findall(r"alert: PromptQueue(\w+)", TEXT)
    assert set(names) == {"DatabaseAway", "LoopLate"} | {
        name.replace("_", " ").title().replace(" ", "") for name in RULES
    }


def test_the_rules_ask_for_metrics_that_there_are() -> None:
    """A metric that was renamed fails here."""
    known = {UP[0], LAG[0]} | {metric.name for metric in (*METRICS, *WORKER_METRICS)}
    known |= {f"{times.name}{end}" for times in TIMES for end in ("_sum", "_count")}
    asked = set(re.findall(r"\bprompt_queue_\w+", TEXT))
    assert asked <= known
