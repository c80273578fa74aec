"""The queue as a few dictionaries: what each act answers, and what it leaves behind."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from tests.proofs.acts import FINAL, PROMPT

MAX_RETRIES = 1
LOSSES = 3


@dataclass
class Job:
    """What the model knows about a job."""

    status: str = "queued"
    token: UUID | None = None
    stale: list[UUID] = field(default_factory=list)
    prompt: str | None = None
    retry_count: int = 0
    losses: int = 0
    lapsed: bool = False
    endings: int = 0
    calls: dict[UUID, str] = field(default_factory=dict)
    before_retry: set[UUID] = field(default_factory=set)

    @property
    def open(self) -> bool:
        return self.status in ("queued", "processing")

    def unanswered(self, besides: UUID | None = None) -> int:
        """The sends since the last retry of which nobody knows whether they were paid."""
        counted = self.calls.keys() - self.before_retry - {besides}
        return sum(self.calls[call] != "answered" for call in counted)

    def leave(self, status: str) -> None:
        """The job goes from its worker to this status."""
        if self.token is not None:
            self.stale.append(self.token)
        self.status, self.token, self.lapsed = status, None, False
        self.endings += status in FINAL


class QueueModel:
    """Answers like the SQL functions do."""

    def __init__(self) -> None:
        self.jobs: dict[UUID, Job] = {}

    def claimable(self) -> set[UUID]:
        return {job_id for job_id, job in self.jobs.items() if job.status == "queued"}

    def claimed(self, claims: dict[UUID, UUID]) -> None:
        """The queue chose these jobs and tokens."""
        for job_id, token in claims.items():
            self.jobs[job_id].status, self.jobs[job_id].token = "processing", token

    def heartbeat(self, job_id: UUID, token: UUID) -> bool:
        job = self.jobs[job_id]
        job.lapsed = job.lapsed and token != job.token
        return token == job.token

    def settle(self, job_id: UUID, token: UUID | None, outcome: str) -> tuple[bool, str]:
        job = self.jobs[job_id]
        if not job.open or (token != job.token and outcome != "completed"):
            return False, job.status
        if outcome == "retry" and job.retry_count == MAX_RETRIES:
            outcome = "failed"
        job.leave(outcome if outcome in FINAL else "queued")
        job.retry_count += outcome == "retry"
        job.prompt = PROMPT if outcome == "completed" else job.prompt
        return True, job.status

    def update(self, job_id: UUID, status: str) -> bool:
        job = self.jobs[job_id]
        if not job.open or (status in ("queued", "failed") and job.token is None):
            return False
        if status == "cancelled":
            job.leave(status)
        elif status == "processing":
            job.status, job.lapsed = status, False
        else:
            self.settle(job_id, job.token, "retry" if status == "queued" else status)
        return True

    def cancel(self, job_id: UUID) -> str:
        job = self.jobs[job_id]
        if not job.open:
            return "already_cancelled" if job.status == "cancelled" else "already_final"
        job.leave("cancelled")
        return "cancelled"

    def retry(self, job_id: UUID) -> str:
        job = self.jobs[job_id]
        if job.status != "failed":
            return "not_failed"
        job.status, job.retry_count, job.losses = "queued", 0, 0
        job.before_retry = set(job.calls)
        return "retried"

    def expire(self, job_id: UUID) -> None:
        self.jobs[job_id].lapsed = self.jobs[job_id].token is not None

    def reap(self) -> int:
        lapsed = [job for job in self.jobs.values() if job.lapsed]
        for job in lapsed:
            job.losses += 1
            job.leave("queued" if job.losses < LOSSES else "failed")
        return len(lapsed)

    def begin(self, job_id: UUID, token: UUID, call: UUID) -> str:
        job = self.jobs[job_id]
        if job.token is None or job.token != token:
            return "lease_lost"
        if job.unanswered(besides=call) > MAX_RETRIES:
            return "outcome_unknown"
        job.calls.setdefault(call, "sent")
        return "granted"

    def end(self, call: UUID, answered: bool) -> int:
        holders: Iterable[Job] = (j for j in self.jobs.values() if j.calls.get(call) == "sent")
        for job in holders:
            job.calls[call] = "answered" if answered else "unanswered"
            return 1
        return 0
