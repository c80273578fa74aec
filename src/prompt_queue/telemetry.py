"""One list of event names, and how a line of the log is written."""

import logging
import sys
from collections.abc import MutableMapping
from enum import StrEnum
from typing import Any, Literal

import structlog

from prompt_queue import tracing
from prompt_queue.jobs.errors import redact

_LEVELS = logging.getLevelNamesMapping()
# structlog would build a logger only to find that the line is not wanted.
_least = logging.NOTSET


class Event(StrEnum):
    """Everything that is ever logged."""

    JOB_SETTLED = "job.settled"
    JOB_OUTCOME_REFUSED = "job.outcome_refused"
    JOB_LEASE_LOST = "job.lease_lost"
    JOB_CRASHED = "job.crashed"
    JOB_DEGRADED = "job.degraded"
    WEBHOOK_DELIVERED = "webhook.delivered"
    WEBHOOK_FAILED = "webhook.failed"
    WEBHOOK_GIVEN_UP = "webhook.given_up"
    WEBHOOK_ENDPOINT_DISABLED = "webhook.endpoint_disabled"
    PARTIALS_DROPPED = "partials.dropped"
    MODEL_UNLISTED = "model.unlisted"
    LEASES_FREED = "leases.freed"
    QUEUE_RENEWED = "queue.renewed"
    JOBS_READMITTED = "jobs.readmitted"
    PRUNED = "queue.pruned"
    HEARTBEAT_MISSED = "heartbeat.missed"
    ALERT_FIRING = "alert.firing"
    ALERT_RESOLVED = "alert.resolved"
    DATABASE_AWAY = "database.away"
    DATABASE_REFUSED = "database.refused"
    WORKER_STARTED = "worker.started"
    WORKER_DRAINING = "worker.draining"
    WORKER_STOPPED = "worker.stopped"
    SERVER_STARTED = "server.started"
    SERVER_ERROR = "server.error"
    TRACING_UNAVAILABLE = "tracing.unavailable"
    PROCESS_STARTED = "process.started"
    PROCESS_ENDED = "process.ended"


def _redact_values(
    _logger: object, _name: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {k: redact(v, 4000) if isinstance(v, str) and k != "exception" else v
            for k, v in line.items()}  # fmt: skip


def _name_span(
    _logger: object, _name: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    here = tracing.ids()
    if here is not None:
        line["trace_id"], line["span_id"] = here.trace_id, here.span_id
    return line


def configure_logging(level: str, form: Literal["console", "json"]) -> None:
    """Log lines go to standard error, one line an event."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=20)
    )
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _name_span,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact_values,
    ]
    global _least  # noqa: PLW0603 - as the configuration of a log is
    least = _least = _LEVELS[level.upper()]
    # Lines of libraries and of modules that use `logging` look like ours.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=max(least, logging.INFO), handlers=[handler], force=True)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def log(event: Event, *, level: str = "info", **fields: Any) -> None:
    """Write one line; `level` is debug, info, warning or error."""
    number = _LEVELS[level.upper()]
    if number >= _least:
        structlog.get_logger().log(number, event.value, **fields)
