"""Spans of the queue, named as the messaging conventions of OpenTelemetry have it."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Final, Protocol
from uuid import UUID

from prompt_queue.tracing.spans import NOTHING, Attributes, Kind, Span, is_on, root, span

PROMPTS: Final = "prompt_generation_jobs"
PICTURES: Final = "picture_jobs"
WEBHOOKS: Final = "webhook_messages"
"""Destinations are the tables that are the queues."""

ATTEMPT: Final = "prompt_queue.attempt"
OUTCOME: Final = "prompt_queue.outcome"
STEP: Final = "prompt_queue.step"


class _Message(Protocol):
    @property
    def trace_context(self) -> str | None: ...


def sending(destination: str, message_id: UUID) -> AbstractContextManager[Span]:
    """A job is put into its queue; the row keeps this span as its context."""
    if not is_on():
        return NOTHING
    return span(
        f"send {destination}", Kind.PRODUCER, _named("send", "send", destination, message_id)
    )


def receiving(destination: str, operation: str = "claim") -> AbstractContextManager[Span]:
    """Jobs are asked for; see `received`. It belongs to no single job, so it has its own trace."""
    if not is_on():
        return NOTHING
    return root(
        f"{operation} {destination}", Kind.CLIENT, _named(operation, "receive", destination)
    )


def received(receiving: Span, messages: Iterable[_Message]) -> None:
    """Link the jobs that came; a look in vain leaves no span."""
    count = 0
    for count, message in enumerate(messages, start=1):  # noqa: B007 - the last is the number
        receiving.link(message.trace_context)
    if count:
        receiving.note({"messaging.batch.message_count": count})
    else:
        receiving.drop()


def processing(
    destination: str, message_id: UUID, parent: str | None, more: Attributes
) -> AbstractContextManager[Span]:
    """One attempt at a job, in the trace of the request that queued it."""
    attributes = {**_named("process", "process", destination, message_id), **more}
    return root(f"process {destination}", Kind.CONSUMER, attributes, parent)


def settling(destination: str, message_id: UUID, outcome: str) -> AbstractContextManager[Span]:
    """What came of an attempt is written down."""
    attributes = {**_named("settle", "settle", destination, message_id), OUTCOME: outcome}
    return span(f"settle {destination}", Kind.CLIENT, attributes)


def _named(
    name: str, kind: str, destination: str, message_id: UUID | None = None
) -> dict[str, str | int | float | bool | tuple[str, ...] | None]:
    return {
        "messaging.system": "postgresql",
        "messaging.operation.name": name,
        "messaging.operation.type": kind,
        "messaging.destination.name": destination,
        "messaging.message.id": None if message_id is None else str(message_id),
    }
