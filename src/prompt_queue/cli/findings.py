"""What `doctor` concludes from what it saw: pure, one function a check."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from prompt_queue.cli.output import duration

if TYPE_CHECKING:
    from prompt_queue.store.prompt_store import QueueStats
    from prompt_queue.store.worker_store import WorkerSeen

ALIVE_SECONDS = 30.0
CLOCK_SECONDS = 2.0
OLD_JOB_SECONDS = 600.0
LEAST_FREE_BYTES = 1_000_000_000
LEAST_BALANCE_USD = Decimal("0.20")
"""About the price of the dearest picture."""

OLDEST_POSTGRES, NEWEST_POSTGRES = 15, 18
MANY_CONNECTIONS = 0.8


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was seen, and what to do about it (empty when it is fine)."""

    check: str
    state: State
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswer:
    """What the provider's list of models said; `status` None where there was no answer."""

    status: int | None
    trouble: str = ""
    models: frozenset[str] = frozenset()
    is_stand_in: bool = False


def version_finding(version: str, number: int) -> Finding:
    """Whether the server is one that we know; `number` as in server_version_num."""
    major = number // 10_000
    if major < OLDEST_POSTGRES:
        return Finding(
            "database",
            State.FAIL,
            f"PostgreSQL {version} is too old",
            f"upgrade to PostgreSQL {OLDEST_POSTGRES} to {NEWEST_POSTGRES}",
        )
    if major > NEWEST_POSTGRES:
        return Finding(
            "database",
            State.WARN,
            f"PostgreSQL {version} answers",
            f"this version was tested with {OLDEST_POSTGRES} to {NEWEST_POSTGRES}",
        )
    return Finding("database", State.OK, f"PostgreSQL {version} answers")


def schema_finding(missing: Sequence[str]) -> Finding:
    """Whether every migration is applied; `missing` are file names."""
    if missing:
        return Finding(
            "schema", State.FAIL, f"not applied: {', '.join(missing)}", "run: prompt-queue migrate"
        )
    return Finding("schema", State.OK, "every migration is applied")


def worker_finding(workers: Sequence["WorkerSeen"], start_hint: str) -> Finding:
    """Whether somebody works on the queue."""
    alive = [worker for worker in workers if worker.silent_seconds <= ALIVE_SECONDS]
    silent = len(workers) - len(alive)
    if not alive:
        since = f"; {silent} went silent within a day" if silent else ""
        return Finding("workers", State.WARN, f"no worker is running{since}", start_hint)
    slots = sum(worker.concurrency for worker in alive)
    busy = sum(worker.busy for worker in alive)
    return Finding(
        "workers", State.OK, f"{_count(len(alive), 'worker')}, {busy} of {slots} slots busy"
    )


def queue_finding(stats: "QueueStats", start_hint: str) -> Finding:
    """Whether waiting jobs move."""
    if not stats.total_queued:
        return Finding("queue", State.OK, "no job waits")
    seen = (
        f"{_count(stats.total_queued, 'job')} in the queue, "
        f"the oldest for {duration(stats.oldest_queued_seconds)}"
    )
    if not stats.workers:
        return Finding("queue", State.FAIL, f"{seen}, and no worker is running", start_hint)
    if (stats.oldest_queued_seconds or 0) > OLD_JOB_SECONDS:
        return Finding(
            "queue",
            State.WARN,
            seen,
            "more workers, or a higher PROMPT_QUEUE_CONCURRENCY, or see what holds it "
            "up with: prompt-queue status ID",
        )
    return Finding("queue", State.OK, seen)


def lease_finding(stats: "QueueStats", start_hint: str) -> Finding:
    """Whether jobs are held by workers that are gone; a living worker frees those by itself."""
    held = _count(stats.total_processing, "job")
    if stats.total_processing and not stats.workers:
        return Finding(
            "leases",
            State.WARN,
            f"{held} held by workers that have gone silent",
            f"the next worker takes them over; {start_hint}",
        )
    return Finding("leases", State.OK, f"{held} in progress")


def connection_finding(used: int, most: int) -> Finding:
    """Whether the database has room for more connections."""
    seen = f"{used} of {most} used"
    if used >= most * MANY_CONNECTIONS:
        return Finding(
            "connections", State.WARN, seen, "raise max_connections, or put a pooler in front"
        )
    return Finding("connections", State.OK, seen)


def clock_finding(apart_seconds: float) -> Finding:
    """How far this machine's clock is from the database's, in seconds, positive when ahead."""
    word = "ahead of" if apart_seconds > 0 else "behind"
    seen = f"this machine is {abs(apart_seconds):.1f} s {word} the database"
    if abs(apart_seconds) > CLOCK_SECONDS:
        return Finding(
            "clock",
            State.WARN,
            seen,
            "the database's clock decides, so no job is affected; set up NTP so that "
            "the times in your logs agree",
        )
    return Finding("clock", State.OK, seen)


def disk_finding(free_bytes: int, folder: str) -> Finding:
    """Whether the data directory has room."""
    seen = f"{free_bytes / 1e9:.1f} GB free in {folder}"
    if free_bytes < LEAST_FREE_BYTES:
        return Finding(
            "disk",
            State.WARN,
            seen,
            "make room, or choose another directory with PROMPT_QUEUE_DATA_DIR",
        )
    return Finding("disk", State.OK, seen)


def no_key_finding() -> Finding:
    """There is no key for the provider."""
    return Finding(
        "provider",
        State.WARN,
        "no XAI_API_KEY: the stand-in will be used",
        "set XAI_API_KEY to have prompts written by Grok",
    )


_PROVIDER_ANSWERS: Mapping[int, tuple[str, str]] = {
    400: ("does not take the key", "put a valid key into XAI_API_KEY"),
    401: ("does not take the key", "put a valid key into XAI_API_KEY"),
    403: ("forbids the key", "allow it to list models; check that the team is not blocked"),
    404: ("has no list of models", "check XAI_API_BASE; the public one is https://api.x.ai/v1"),
}


def provider_finding(base: str, answer: ProviderAnswer) -> Finding:
    """Whether the provider answers and takes the key."""
    if answer.status is None:
        seen = f"{base} cannot be reached: {answer.trouble}"
        advice = "check XAI_API_BASE, the network and the firewall"
        return Finding("provider", State.FAIL, seen, advice)
    if answer.status == 200:
        if not answer.is_stand_in:
            return Finding("provider", State.OK, f"{base} answers and takes the key")
        advice = "prompts are made up by a local program; unset XAI_API_BASE to use Grok"
        return Finding("provider", State.WARN, f"the stand-in answers at {base}", advice)
    if answer.status in _PROVIDER_ANSWERS:
        seen, advice = _PROVIDER_ANSWERS[answer.status]
        return Finding("provider", State.FAIL, f"{base} {seen}", advice)
    advice = "jobs wait and go on by themselves; look again in a minute"
    return Finding("provider", State.WARN, f"{base} answers HTTP {answer.status}", advice)


def models_finding(wanted: Sequence[str], offered: Collection[str]) -> Finding:
    """Whether the provider knows the models of PROMPT_QUEUE_MODELS."""
    unknown = [name for name in wanted if name not in offered]
    if not unknown:
        return Finding("models", State.OK, f"the provider offers {', '.join(wanted)}")
    state = State.FAIL if len(unknown) == len(wanted) else State.WARN
    return Finding(
        "models",
        state,
        f"the provider does not offer {', '.join(unknown)}",
        "change PROMPT_QUEUE_MODELS",
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def webhook_finding(disabled: Sequence[str]) -> Finding:
    """Whether every endpoint is told of results; `disabled` are the addresses of those not."""
    if not disabled:
        return Finding("webhooks", State.OK, "no endpoint is disabled")
    return Finding(
        "webhooks",
        State.WARN,
        f"{_count(len(disabled), 'endpoint')} disabled, the first is {disabled[0]}",
        "see why with: prompt-queue webhooks list",
    )


def no_picture_key_finding() -> Finding:
    """There is no key for pictures."""
    return Finding(
        "pictures",
        State.WARN,
        "no WAVESPEED_API_KEY: prompts do not become pictures; `up` brings a stand-in",
        "set WAVESPEED_API_KEY to have pictures made by WaveSpeed",
    )


def pictures_finding(base: str, balance: Decimal | None) -> Finding:
    """Whether the account for pictures can pay for one."""
    if balance is None:
        return Finding("pictures", State.OK, f"{base} answers and takes the key")
    seen = f"{base} answers; the account has {balance:.2f} USD"
    if balance < LEAST_BALANCE_USD:
        return Finding("pictures", State.FAIL, seen, "top the account up; pictures wait")
    return Finding("pictures", State.OK, seen)


def pictures_refused_finding(base: str, why: str) -> Finding:
    """The account for pictures could not be asked."""
    advice = "check WAVESPEED_API_KEY, WAVESPEED_API_BASE, the network and the account"
    return Finding("pictures", State.FAIL, f"{base}: {why}", advice)
