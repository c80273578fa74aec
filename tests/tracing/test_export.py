"""Spans leave real processes over OTLP, and a collector that is away is nobody's trouble."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from prompt_queue.settings import DEMO_ROW_ID
from prompt_queue.testing import PictureServer
from tests.e2e.conftest import StackFactory, make_stack
from tests.e2e.stack import free_port, wait_for
from tests.photographs import plain

__all__ = ["make_stack"]
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLED_BY = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@dataclass
class Collector:
    """What was exported: name of the span, name of the service, trace."""

    port: int = 0
    spans: list[tuple[str, str, str]] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [
                    (span.name, named["service.name"], span.trace_id.hex()) for span in scope.spans
                ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """An OTLP receiver on a port of its own."""
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            found.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.port = server.server_address[1]
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield found
    server.shutdown()
    serving.join()
    server.server_close()


def test_server_and_worker_send_parts_of_one_trace(
    make_stack: StackFactory, collector: Collector, picture_server: PictureServer
) -> None:
    """Each under the name of its service; what is left when they are stopped is sent then."""
    stack = make_stack(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}",
        # What a test of seconds exports before the end would leave nothing for the end.
        OTEL_BSP_SCHEDULE_DELAY="3600000",
        log_format="json",
    )
    body = {"rowId": str(DEMO_ROW_ID),
            "targetUrl": picture_server.add("t.png", plain("teal"))}  # fmt: skip
    answer = stack.request("POST", "/api/prompt/queue", body, CALLED_BY)
    assert answer.status == 202, answer
    stack.final(str(answer.body["promptJobId"]))
    wait_for(lambda: f'"trace_id": "{TRACE}"' in stack.log, 10, "a log line in the trace")
    assert collector.spans == []
    began = time.monotonic()
    assert stack.down() == 0
    assert time.monotonic() - began < 15
    ours = {(service, name) for name, service, trace in collector.spans if trace == TRACE}
    assert ours >= {
        ("prompt-queue-server", "POST /api/prompt/queue"),
        ("prompt-queue-server", "send prompt_generation_jobs"),
        ("prompt-queue-worker", "process prompt_generation_jobs"),
        ("prompt-queue-worker", "chat grok-4.7"),
        ("prompt-queue-worker", "settle prompt_generation_jobs"),
    }


def test_a_collector_that_is_away_slows_nothing(
    make_stack: StackFactory, picture_server: PictureServer
) -> None:
    """Jobs go through, the end comes in time, and the log has one line about it a process."""
    stack = make_stack(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}",
        OTEL_BSP_SCHEDULE_DELAY="50",
    )
    url = picture_server.add("t.png", plain("teal"))
    ids = [stack.enqueue(url) for _ in range(5)]
    assert {stack.final(job_id, 20)["status"] for job_id in ids} == {"completed"}
    began = time.monotonic()
    assert stack.down() == 0
    assert time.monotonic() - began < 10
    complaints = [line for line in stack.log.splitlines() if "Transient error" in line]
    assert 1 <= len(complaints) <= 2, complaints
