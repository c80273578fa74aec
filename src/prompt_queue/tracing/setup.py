"""Whether the environment asks for spans, and the OpenTelemetry that then makes them."""

from collections.abc import Callable, Mapping

from prompt_queue.tracing.spans import install

INSTALL = "pip install 'prompt-queue[otel]'"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class TracingUnavailable(Exception):
    """Spans are asked for and cannot be made; the message says what to do."""


def wanted_exporter(environment: Mapping[str, str]) -> str | None:
    """`otlp` or `console`, as OpenTelemetry's own variables say; None: no spans are asked for.

    Raises TracingUnavailable for what is asked for and not to be had.
    """

    def said(*names: str) -> str:
        return next((found for name in names if (found := environment.get(name, "").strip())), "")

    exporter = said("OTEL_TRACES_EXPORTER").lower()
    if said("OTEL_SDK_DISABLED").lower() == "true" or exporter == "none":
        return None
    if exporter == "console":
        return exporter
    if exporter not in {"", "otlp"}:
        raise TracingUnavailable(
            f"OTEL_TRACES_EXPORTER is {exporter}; otlp, console and none are known here"
        )
    if not said(*_ENDPOINTS):
        return None
    protocol = said(*_PROTOCOLS) or "http/protobuf"
    if protocol != "http/protobuf":
        raise TracingUnavailable(
            f"{_PROTOCOLS[1]} is {protocol}; only http/protobuf is spoken here, as a rule on port "
            "4318 of the collector"
        )
    return "otlp"


def start_tracing(
    environment: Mapping[str, str], service: str, version: str
) -> Callable[[], None] | None:
    """Make spans from now on, if they are asked for; returns what ends that and sends the last.

    `service` is the name where the environment gives none. Raises TracingUnavailable.
    """
    exporter = wanted_exporter(environment)
    if exporter is None:
        return None
    try:
        from prompt_queue.tracing.sdk import OpenTelemetry, exporting
    except ImportError as error:
        raise TracingUnavailable(
            f"traces are asked for, and OpenTelemetry is not installed: {INSTALL}"
        ) from error
    try:
        made = exporting(exporter, service)
    except Exception as error:
        raise TracingUnavailable(
            f"OpenTelemetry does not take its settings: {type(error).__name__}: {error}"
        ) from error
    tracer = OpenTelemetry(made, version)
    install(tracer)

    def stop() -> None:
        install(None)
        tracer.close()

    return stop
