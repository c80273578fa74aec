"""Writes the Grafana dashboard from a list of panels.

`python tools/grafana_dashboard.py` writes it; with `--check` it exits 1 if it has drifted.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = "deploy/grafana/dashboards/prompt-queue.json"
_WIDTH, _HEIGHT, _COLUMNS = 8, 7, 3
_SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart: its queries with the legend of each, and the unit as Grafana calls it."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"


def _rate(metric: str, by: str) -> str:
    # The facts are those of the whole queue, so each server tells the same.
    return f"sum by ({by}) (max without (instance) (rate({metric}[$__rate_interval])))"


def _quantile(level: float, metric: str) -> str:
    buckets = f"max without (instance) (rate({metric}_bucket[$__rate_interval]))"
    return f"histogram_quantile({level}, sum by (le) ({buckets}))"


PANELS = (
    Panel("Waiting and at work", (("max by (status) (sum by (status, instance) "
                                   "(prompt_queue_jobs))", "{{status}}"),)),
    Panel("Waiting by priority", (("max by (priority) (sum by (priority, instance) "
                                   "(prompt_queue_jobs))", "{{priority}}"),)),
    Panel("Oldest that waits", (
        ("max(prompt_queue_oldest_queued_seconds)", "oldest"),
        ("min(prompt_queue_backlog_age_seconds)", "age of the counts"),
    ), "s"),
    Panel("Arrivals and endings", (
        ("max(rate(prompt_queue_jobs_created_total[$__rate_interval]))", "created"),
        (_rate("prompt_queue_jobs_completed_total", "source"), "completed: {{source}}"),
        (_rate("prompt_queue_jobs_failed_total", "error_code"), "failed: {{error_code}}"),
        ("max(rate(prompt_queue_jobs_cancelled_total[$__rate_interval]))", "cancelled"),
    ), "ops"),
    Panel("Wait until claimed", (
        (_quantile(0.5, "prompt_queue_wait_seconds"), "half"),
        (_quantile(0.9, "prompt_queue_wait_seconds"), "nine of ten"),
    ), "s"),
    Panel("Processing", (
        (_quantile(0.5, "prompt_queue_processing_seconds"), "half"),
        (_quantile(0.9, "prompt_queue_processing_seconds"), "nine of ten"),
    ), "s"),
    Panel("Promises kept, last 24 hours",
          (("max by (kind) (prompt_queue_promise_coverage_ratio)", "{{kind}}"),), "percentunit"),
    Panel("Calls by outcome",
          ((_rate("prompt_queue_calls_total", "model, outcome"), "{{model}} {{outcome}}"),), "ops"),
    Panel("US dollars an hour",
          ((f"3600 * {_rate('prompt_queue_usd_total', 'model')}", "{{model}}"),), "currencyUSD"),
    Panel("Tokens a minute",
          ((f"60 * {_rate('prompt_queue_tokens_total', 'model, direction')}",
            "{{model}} {{direction}}"),)),
    Panel("Permits used of allowed", (
        ("max by (model) (prompt_queue_gate_rate_hertz)", "{{model}}: passes"),
        ("max by (model) (prompt_queue_gate_limit_hertz)", "{{model}}: allowed"),
    ), "reqps"),
    Panel("Breakers and credit", (
        ("max by (model) (prompt_queue_breaker_open)", "{{model}}: open"),
        ("max by (model) (prompt_queue_out_of_credit)", "{{model}}: no credit"),
    )),
    Panel("Workers and slots", (
        ("max(prompt_queue_workers)", "workers"), ("max(prompt_queue_slots)", "slots"),
        ("max(prompt_queue_paused)", "paused"),
    )),
    Panel("Retries and lost leases", (
        ("max(rate(prompt_queue_retries_total[$__rate_interval]))", "retries"),
        ("max(rate(prompt_queue_leases_lost_total[$__rate_interval]))", "leases lost"),
        ("max(rate(prompt_queue_stale_writes_total[$__rate_interval]))", "stale writes refused"),
        ("max(rate(prompt_queue_unfenced_writes_total[$__rate_interval]))", "unfenced writes"),
    ), "ops"),
    Panel("Pictures", (("max by (status) (prompt_queue_pictures)", "{{status}}"),)),
    Panel("Webhooks", (("max by (outcome) (prompt_queue_webhook_messages)", "{{outcome}}"),)),
    Panel("Tries of webhooks, last 15 minutes",
          (("max by (outcome) (prompt_queue_webhook_tries_recent)", "{{outcome}}"),)),
    Panel("Answers of the servers", ((
        "sum by (route, status) (rate(prompt_queue_http_request_duration_seconds_count"
        "[$__rate_interval]))", "{{route}} {{status}}"),), "reqps"),
    Panel("Event loops, late by", (
        ("prompt_queue_event_loop_lag_seconds", "{{job}} {{instance}}"),), "s"),
    Panel("Connections to the database", (
        ("sum by (job, instance, state) (prompt_queue_pool_connections)",
         "{{job}} {{instance}}: {{state}}"),
    )),
    Panel("Slots of each worker", (
        ("prompt_queue_worker_slots_used", "{{instance}}: {{loop}}"),
        ("prompt_queue_worker_slots", "{{instance}}: {{loop}}, at most"),
        ("prompt_queue_worker_leases", "{{instance}}: leases"),
    )),
    Panel("Outcomes of each worker", (
        ("sum by (instance, loop) (rate(prompt_queue_worker_claimed_total[$__rate_interval]))",
         "{{instance}}: {{loop}} taken"),
        ("sum by (instance, loop, outcome) "
         "(rate(prompt_queue_worker_settled_total[$__rate_interval]))",
         "{{instance}}: {{loop}} {{outcome}}"),
    ), "ops"),
    Panel("Workers in trouble", (
        ("rate(prompt_queue_worker_heartbeats_missed_total[$__rate_interval])",
         "{{instance}}: heartbeats missed"),
        ("rate(prompt_queue_worker_leases_lost_total[$__rate_interval])",
         "{{instance}}: leases lost"),
        ("rate(prompt_queue_worker_refused_total[$__rate_interval])",
         "{{instance}}: outcomes too late"),
    ), "ops"),
    Panel("The database", (
        ("min(prompt_queue_database_up)", "up"),
        ("max(prompt_queue_horizon_seconds)", "oldest transaction (s)"),
    )),
    Panel("Verdicts of users",
          (("sum by (kind, verdict) (increase(prompt_queue_feedback_total[1h]))",
            "{{kind}}: {{verdict}}"),)),
    Panel("Dead rows", (("max by (table) (prompt_queue_table_dead_rows)", "{{table}}"),)),
    Panel("Breaker open for",
          (("max by (model) (prompt_queue_breaker_open_seconds)", "{{model}}"),), "s"),
)  # fmt: skip


def dashboard() -> dict[str, Any]:
    """What Grafana imports."""
    return {
        "uid": "prompt-queue",
        "title": "prompt-queue",
        "tags": ["prompt-queue"],
        "schemaVersion": 41,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [
            {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
        ]},
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }  # fmt: skip


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, _COLUMNS)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {"refId": chr(65 + nth), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
            for nth, (query, legend) in enumerate(panel.queries)
        ],
    }


def main() -> int:
    """Returns 1 where `--check` finds a file that is not what would be written."""
    path, text = ROOT / PAGE, json.dumps(dashboard(), indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        if path.read_text("utf-8") == text:
            return 0
        sys.stderr.write(f"{PAGE} has drifted; run: make docs\n")
        return 1
    path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
