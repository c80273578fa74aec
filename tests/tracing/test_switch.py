"""Traces are made where they are asked for; elsewhere they cost nothing and import nothing."""

import io
import json
import logging
import subprocess
import sys
from contextlib import redirect_stderr
from typing import Any

import pytest
import structlog

from prompt_queue import tracing
from prompt_queue.cli.processes import traced
from prompt_queue.telemetry import Event, configure_logging, log
from prompt_queue.tracing.calls import server_of
from prompt_queue.tracing.sdk import Seldom
from prompt_queue.tracing.setup import INSTALL, TracingUnavailable, wanted_exporter
from tests.tracing.conftest import Spans, id_of, trace_of

THERE = "http://127.0.0.1:4318"
BLOCKED = """
import sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.startswith({prefix!r}):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Wall())
"""
LOOK = "print(*(n for n in sys.modules if n.startswith('opentelemetry')))"


def in_a_fresh_python(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60,
        env=environment,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_a_worker_imports_nothing_of_opentelemetry() -> None:
    """Neither the one that is installed, nor does it miss one that is not."""
    program = "import sys; import prompt_queue.worker.run, prompt_queue.cli.processes; " + LOOK
    assert in_a_fresh_python(program).strip() == ""
    assert in_a_fresh_python(BLOCKED.format(prefix="opentelemetry") + program).strip() == ""


def test_a_server_imports_what_fastapi_does_and_no_more() -> None:
    """FastAPI brings the interface; SDK and exporters may be absent and stay away."""
    program = "import sys; import prompt_queue.asgi; " + LOOK
    blocked = BLOCKED.format(prefix=("opentelemetry.sdk", "opentelemetry.exporter")) + program
    for found in (in_a_fresh_python(program), in_a_fresh_python(blocked)):
        assert "opentelemetry.trace" in found
        assert "opentelemetry.sdk" not in found
        assert "opentelemetry.exporter" not in found


def test_without_the_extra_one_line_says_what_to_install() -> None:
    """And the process goes on without traces."""
    program = BLOCKED.format(prefix="opentelemetry") + (
        "from prompt_queue.cli.processes import traced\n"
        "from prompt_queue.telemetry import configure_logging\n"
        "configure_logging('info', 'json')\n"
        "with traced('s'):\n"
        "    print('at work')\n"
    )
    said = in_a_fresh_python(program, OTEL_EXPORTER_OTLP_ENDPOINT=THERE)
    at_work, line = said.strip().splitlines()
    assert at_work == "at work"
    assert json.loads(line)["event"] == "tracing.unavailable"
    assert INSTALL in json.loads(line)["reason"]


@pytest.mark.parametrize(
    ("environment", "exporter"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": THERE}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": THERE}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": THERE, "OTEL_TRACES_EXPORTER": "none"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": THERE, "OTEL_SDK_DISABLED": "TRUE"}, None),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, None),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
    ],
)
def test_the_variables_of_opentelemetry_decide(
    environment: dict[str, str], exporter: str | None
) -> None:
    """An endpoint or the console switches traces on, unless they are switched off."""
    assert wanted_exporter(environment) == exporter


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "zipkin"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": THERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "4318"),
    ],
)
def test_what_is_not_to_be_had_is_said(environment: dict[str, str], words: str) -> None:
    """With what is to be written instead."""
    with pytest.raises(TracingUnavailable, match=words):
        wanted_exporter(environment)


def test_settings_that_opentelemetry_refuses_do_not_stop_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line names the fault, and the block runs untraced."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", THERE)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    with structlog.testing.capture_logs() as lines, traced("s"):
        assert not tracing.is_on()
    (line,) = lines
    assert line["event"] == "tracing.unavailable"
    assert "ValueError" in line["reason"]


def test_log_lines_name_the_present_span(spans: Spans) -> None:
    """Inside a span and nowhere else."""
    heard = io.StringIO()
    with redirect_stderr(heard):
        configure_logging("info", "json")
        with tracing.span("around"):
            log(Event.JOB_SETTLED)
            logging.getLogger("elsewhere").warning("by the way")
        log(Event.JOB_SETTLED)
    around = spans.one("around")
    lines: list[dict[str, Any]] = [json.loads(line) for line in heard.getvalue().splitlines()]
    named = [(line.get("trace_id"), line.get("span_id")) for line in lines]
    assert named == [(trace_of(around), id_of(around))] * 2 + [(None, None)]


def test_a_collector_that_is_away_is_mentioned_once() -> None:
    """The exporter complains every few seconds; one line a minute is enough."""
    seldom = Seldom()
    line = logging.LogRecord("x", logging.ERROR, "", 0, "away", None, None)
    assert [seldom.filter(line) for _ in range(3)] == [True, False, False]


def test_a_look_in_vain_leaves_no_span(spans: Spans) -> None:
    """An idle worker asks all day; nobody wants to read of it."""
    with tracing.root("claim", tracing.Kind.CLIENT, {}) as span:
        span.drop()
    assert spans.all() == []


@pytest.mark.parametrize("parent", [None, "nonsense", "00-" + "0" * 32 + "-" + "1" * 16 + "-01"])
def test_no_usable_context_begins_a_trace(spans: Spans, parent: str | None) -> None:
    """Also inside another span, which is not the cause."""
    with tracing.span("outer"), tracing.root("work", tracing.Kind.CONSUMER, {}, parent):
        pass
    assert spans.one("work").parent is None
    assert trace_of(spans.one("work")) != trace_of(spans.one("outer"))


def test_of_an_address_host_and_port_are_left() -> None:
    """Neither path nor password."""
    assert server_of("https://me:word@example.com/secret?key=1") == {
        "server.address": "example.com", "server.port": 443,
    }  # fmt: skip
    assert server_of("http://[") == {}
