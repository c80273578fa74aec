"""One list of event names, and how a line of the log is written."""

import logging
import re
import sys
import threading
from collections.abc import Collection, Mapping, MutableMapping
from enum import StrEnum
from traceback import format_exception
from types import TracebackType
from typing import Any, Final, Literal

import structlog

from prompt_queue import tracing
from prompt_queue.jobs.redaction import escaped, redact, without

_LEVELS = logging.getLevelNamesMapping()
# structlog would build a logger only to find that the line is not wanted.
_least = logging.NOTSET

_LONGEST_VALUE: Final = 4000
_WITHIN: Final = "  | "
_OF_STRUCTLOG: Final = frozenset({"_record", "_from_structlog", "exc_info", "level", "timestamp"})
_SENTENCE: Final = re.compile(r"[^=\"\\]+")


class Event(StrEnum):
    """Everything that is ever logged, each with what it means: the page docs/logs.md."""

    meaning: str

    def __new__(cls, name: str, meaning: str) -> "Event":
        """An event is its name; no event goes without a meaning."""
        event = str.__new__(cls, name)
        event._value_, event.meaning = name, meaning
        return event

    JOB_SETTLED = "job.settled", "What came of an attempt was written down."
    JOB_OUTCOME_REFUSED = (
        "job.outcome_refused",
        "What came of an attempt no longer counted: the job is another worker's, or over.",
    )
    JOB_LEASE_LOST = "job.lease_lost", "A lease ran out or was taken; the attempt was given up."
    JOB_CRASHED = "job.crashed", "A bug of ours, with its traceback; the job is tried again."
    JOB_DEGRADED = (
        "job.degraded",
        "No model wrote the prompt: a template or the existing prompt took its place.",
    )
    WEBHOOK_DELIVERED = "webhook.delivered", "The receiver took the message."
    WEBHOOK_FAILED = "webhook.failed", "The receiver did not take the message; it is sent again."
    WEBHOOK_GIVEN_UP = "webhook.given_up", "The message is not sent again."
    WEBHOOK_ENDPOINT_CHANGED = (
        "webhook.endpoint_changed",
        "A user made, changed or deleted an endpoint, or has a new secret; `act` says which.",
    )
    WEBHOOK_ENDPOINT_DISABLED = (
        "webhook.endpoint_disabled",
        "An endpoint is gone, or has failed for days; nothing is sent there any more.",
    )
    PARTIALS_DROPPED = (
        "partials.dropped",
        "Text of an unfinished answer was not shown; the answer itself is not touched.",
    )
    MODEL_UNLISTED = "model.unlisted", "The account does not list a model that is to be asked."
    LEASES_FREED = "leases.freed", "Jobs of workers that died or hung were taken from them."
    QUEUE_RENEWED = (
        "queue.renewed",
        "The queue's table was written anew, because an old transaction kept its dead rows.",
    )
    JOBS_READMITTED = "jobs.readmitted", "Jobs that had lost their place in the queue got it back."
    PRUNED = "queue.pruned", "What is kept no longer was deleted."
    HEARTBEAT_MISSED = (
        "heartbeat.missed",
        "A heartbeat did not reach the database, or the loop stands; leases run out if it lasts.",
    )
    ALERT_FIRING = "alert.firing", "An alert rule began to fire; `sentence` says what to do."
    ALERT_RESOLVED = "alert.resolved", "An alert is over."
    DATABASE_AWAY = "database.away", "The database did not answer; it is asked again."
    DATABASE_REFUSED = "database.refused", "The database refused a statement; look at `reason`."
    WORKER_STARTED = "worker.started", "A worker takes jobs from now on."
    WORKER_DRAINING = "worker.draining", "A worker takes no more jobs and ends those that it has."
    WORKER_STOPPED = "worker.stopped", "A worker has ended; `tally` is what it did."
    METRICS_LISTENING = "metrics.listening", "A worker answers GET /metrics there."
    METRICS_UNAVAILABLE = (
        "metrics.unavailable",
        "The metrics port of a worker is not to be had; it works on without.",
    )
    SERVER_STARTED = "server.started", "The HTTP server answers from now on."
    ACCESS_REFUSED = (
        "access.refused",
        "Somebody was not let in; `more` is how many of this code since the line before.",
    )
    SERVER_ERROR = "server.error", "A bug of ours, with its traceback; the client got a 500."
    TRACING_UNAVAILABLE = (
        "tracing.unavailable",
        "Traces are asked for and cannot be sent, `reason` says why; work goes on without them.",
    )
    PROCESS_STARTED = "process.started", "`up` has started a process."
    PROCESS_ENDED = "process.ended", "A process of `up` has ended; it is started again."


class Redaction:
    """Takes secrets out of a line, and keeps it one line: `secrets` go whatever they look like."""

    def __init__(self, secrets: Collection[str]) -> None:
        # A long one may hold a shorter one.
        self._secrets = sorted(secrets, key=len, reverse=True)

    def __call__(
        self, _logger: object, _name: str, line: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """The processor: what structlog itself added stays as it is."""
        return {k: v if k in _OF_STRUCTLOG else self._traceback(v) if k == "exception"
                else self._clean(v) for k, v in line.items()}  # fmt: skip

    def print_bug(
        self,
        kind: type[BaseException],
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """What the interpreter shows of an exception that nobody caught, as a log may have it."""
        text = "".join(format_exception(kind, error, traceback)).rstrip("\n")
        sys.stderr.write(self._traceback(text) + "\n")

    def _clean(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {self._clean(str(k)): self._clean(v) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(one) for one in value]
        # Escaped first: `redact` would make blanks of what is to be seen.
        return redact(escaped(without(str(value), self._secrets)), _LONGEST_VALUE)

    def _traceback(self, text: str) -> str:
        """Each of its lines begins like no line of the log does."""
        lines = without(text, self._secrets).split("\n")
        return "\n".join(_WITHIN + redact(escaped(line), _LONGEST_VALUE) for line in lines)


def _quote_event(
    _logger: object, _name: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The console's form puts quotation marks around values, and not around a library's words."""
    if not _SENTENCE.fullmatch(line["event"]):
        line["event"] = repr(line["event"])
    return line


def _name_span(
    _logger: object, _name: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    here = tracing.ids()
    if here is not None:
        line["trace_id"], line["span_id"] = here.trace_id, here.span_id
    return line


def configure_logging(
    level: str, form: Literal["console", "json"], secrets: Collection[str] = ()
) -> None:
    """Log lines go to standard error, one line an event, with none of these secrets in it."""
    rendering: list[structlog.typing.Processor] = (
        [structlog.processors.JSONRenderer()]
        if form == "json"
        else [
            _quote_event,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=20),
        ]
    )
    redaction = Redaction(secrets)
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _name_span,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redaction,
    ]
    global _least  # noqa: PLW0603 - as the configuration of a log is
    least = _least = _LEVELS[level.upper()]
    # Lines of libraries and of modules that use `logging` look like ours.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(level=max(least, logging.INFO), handlers=[handler], force=True)
    structlog.configure(
        processors=[*processors, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def watch_last_words(secrets: Collection[str]) -> None:
    """What nobody catches, in this process or a thread of it, is shown without these secrets."""
    redaction = Redaction(secrets)
    sys.excepthook = redaction.print_bug
    threading.excepthook = lambda ended: redaction.print_bug(
        ended.exc_type, ended.exc_value, ended.exc_traceback
    )


def log(event: Event, *, level: str = "info", **fields: Any) -> None:
    """Write one line; `level` is debug, info, warning or error."""
    number = _LEVELS[level.upper()]
    if number >= _least:
        structlog.get_logger().log(number, event.value, **fields)
