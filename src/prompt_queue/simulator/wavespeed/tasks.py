"""The tasks that the stand-in has taken, and its own book of what it charged for."""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from prompt_queue.simulator.wavespeed.catalogue import Model
from prompt_queue.simulator.wavespeed.faults import Fault


@dataclass
class Submit:
    """One POST that asked for a picture. `charged` means that a task was begun for it."""

    number: int
    at_monotonic: float
    model: str
    prompt: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    webhook: str | None = None
    image_count: int = 0
    status: int | None = None
    outcome: str = "open"
    task_id: str | None = None
    charged: bool = False
    refunded: bool = False
    cost_usd: float = 0.0


@dataclass
class Task:
    """One picture being made. Times in seconds of the monotonic clock."""

    id: str
    model: Model
    inputs: Mapping[str, Any]
    images: Sequence[str]
    webhook: str | None
    fault: Fault | None
    submit: Submit
    begun_at: float
    created_at: str
    status: str = "created"
    outputs: list[Any] | None = None
    flagged: list[bool] | None = None
    error: str = ""
    looks: int = 0
    sent: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.status not in {"created", "processing", "warming"}

    def as_json(self, base: str, *, with_inputs: bool = False) -> dict[str, Any]:
        """The task as the provider shows it."""
        shown: dict[str, Any] = {
            "id": self.id,
            "model": self.model.name,
            "outputs": self.outputs,
            "urls": {"get": f"{base}/api/v3/predictions/{self.id}/result"},
            "has_nsfw_contents": self.flagged,
            "status": self.status,
            "created_at": self.created_at,
            "error": self.error,
            "executionTime": round((time.monotonic() - self.begun_at) * 1000),
            "timings": {"inference": 0},
        }
        shown |= {"input": dict(self.inputs)} if with_inputs else {}
        return shown | (self.fault.body if self.fault and self.fault.body else {})


class Tasks:
    """Every submit and every task since the start."""

    def __init__(self) -> None:
        self.submits: list[Submit] = []
        self.by_id: dict[str, Task] = {}
        self.files: dict[str, tuple[bytes, str]] = {}

    def arrive(self, model: str) -> Submit:
        """Note a submit that has just come."""
        found = Submit(len(self.submits) + 1, time.monotonic(), model)
        self.submits.append(found)
        return found

    def begin(
        self, submit: Submit, model: Model, inputs: Mapping[str, Any], images: Sequence[str],
        *, webhook: str | None, fault: Fault | None,
    ) -> Task:  # fmt: skip
        """Begin, and charge for, a task."""
        task = Task(
            uuid.uuid4().hex, model, inputs, images, webhook, fault, submit, time.monotonic(),
            datetime.now(UTC).isoformat().replace("+00:00", "000Z"),
        )  # fmt: skip
        submit.task_id, submit.charged = task.id, True
        submit.cost_usd = float(model.price)
        self.by_id[task.id] = task
        return task

    def keep(self, data: bytes, media_type: str) -> str:
        """Keep a file under a new name."""
        name = f"{uuid.uuid4().hex}.{media_type.rpartition('/')[2]}"
        self.files[name] = data, media_type
        return name

    def submits_since(self, number: int) -> list[dict[str, Any]]:
        """The log, or the part of it after that number."""
        return [asdict(submit) for submit in self.submits[max(number, 0) :]]
