"""What the three logs say, as plain values: the client's, the provider's and the database's."""

from dataclasses import dataclass, field

FINAL = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Request:
    """One line of the client's history; `outcome` is invoke, ok, fail or info (nobody knows).

    `owner` is the user that nothing was asked for but this key.
    """

    key: str
    outcome: str
    job_id: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request that reached the provider: whose it was, and whether a prompt went back."""

    conversation: str | None
    prompt_sent: bool = False


@dataclass(frozen=True, slots=True)
class Book:
    """A job in the cost book: calls begun, without an answer, with a status, and the models."""

    begun: int
    unanswered: int
    replied: int
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowChange:
    """A job's row before and after; None where it did not exist."""

    xid: int
    job_id: str
    old_status: str | None
    new_status: str | None
    old_prompt: str | None = None
    new_prompt: str | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class LeaseChange:
    """A lease token before and after; `gone` where the job left the queue."""

    xid: int
    job_id: str
    old_token: str | None
    new_token: str | None
    gone: bool = False
    worker: str | None = None
    at: float = 0.0

    @property
    def pid(self) -> int | None:
        """The worker's process id; its name is host, process id and a random part."""
        parts = (self.worker or "").rsplit("-", 2)
        return int(parts[1]) if len(parts) == 3 and parts[1].isdigit() else None


@dataclass(frozen=True, slots=True)
class Settle:
    """An outcome that a worker proposed, with the token that it showed."""

    xid: int
    job_id: str
    token: str | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job at the end; the provider knows its owner by the name of the conversation."""

    job_id: str
    status: str
    retry_count: int
    max_retries: int
    owner: str | None = None
    conversation: str | None = None
    min_quality: str = "template_ok"
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """When the cost book granted a call to a model."""

    model: str
    at: float


@dataclass(frozen=True, slots=True)
class Outage:
    """A model's breaker was open from here to there."""

    model: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Harm:
    """When a worker was killed or frozen; `pid` None: when the database was back."""

    at: float
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Election:
    """Who was given a right that only one may have."""

    name: str
    winners: tuple[str, ...]


@dataclass(slots=True)
class Logs:
    """Everything that a campaign left behind; times are seconds of the database's clock."""

    requests: list[Request] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    rows: list[RowChange] = field(default_factory=list)
    leases: list[LeaseChange] = field(default_factory=list)
    settles: list[Settle] = field(default_factory=list)
    book: dict[str, Book] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)
    elections: list[Election] = field(default_factory=list)
    harms: list[Harm] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
