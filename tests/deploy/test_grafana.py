"""The dashboard for Grafana: what it asks for can be asked, and is there."""

import json
import re
import subprocess
from pathlib import Path

from prompt_queue.api.exposition import METRICS, TIMES, UP
from prompt_queue.api.traffic import ANSWERS
from prompt_queue.vitals import LAG, POOL
from prompt_queue.worker.exposition import WORKER_METRICS
from tests.deploy.programs import installed
from tests.deploy.reading import DEPLOY

BOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "prompt-queue.json").read_text("utf-8"))
QUERIES = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]


def test_every_query_can_be_parsed(tmp_path: Path) -> None:
    """Prometheus's own tool reads them, as rules that record."""
    promtool = installed("promtool", "prometheus")
    lines = ["groups:", "  - name: board", "    rules:"]
    for number, query in enumerate(QUERIES):
        asked = query.replace("$__rate_interval", "1m")
        lines += [f"      - record: board:{number}", f"        expr: {json.dumps(asked)}"]
    rules = tmp_path / "rules.yml"
    rules.write_text("\n".join(lines) + "\n")
    run = subprocess.run(
        [promtool, "check", "rules", str(rules)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_query_asks_for_metrics_that_there_are() -> None:
    """A metric that was renamed fails here, and so does one that no panel shows."""
    named = {UP[0], LAG[0], POOL[0]} | {metric.name for metric in (*METRICS, *WORKER_METRICS)}
    buckets = {f"{times.name}_bucket" for times in TIMES} | {f"{ANSWERS[0]}_count"}
    asked = set(re.findall(r"\bprompt_queue_\w+", " ".join(QUERIES)))
    assert asked <= named | buckets
    assert named - asked == {"prompt_queue_table_rows"}


def test_panels_do_not_lie_on_each_other() -> None:
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in BOARD["panels"]]
    assert len(set(places)) == len(places) == len({p["id"] for p in BOARD["panels"]})
    assert len({p["title"] for p in BOARD["panels"]}) == len(places)
