"""From the logs to the findings, by computation alone."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from itertools import pairwise

from lab.ladder import asked_while_open, fell_too_far
from lab.logs import FINAL, Book, Job, Logs


@dataclass(slots=True)
class Findings:
    """What was violated, a sentence each, and how long recovery took, in seconds.

    `recoveries` begin with the death of a worker, `restarts` with the return of the database.
    """

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    final_changed: list[str] = field(default_factory=list)
    paid: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    ladder: list[str] = field(default_factory=list)
    breaker: list[str] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """Every sentence, with its kind in front."""
        return [
            f"{kind.name}: {sentence}"
            for kind in fields(self)
            if kind.name not in ("recoveries", "restarts")
            for sentence in getattr(self, kind.name)
        ]


def check(logs: Logs) -> Findings:
    """Compare the three logs with what the queue promises."""
    return Findings(
        lost=_lost(logs),
        duplicated=_duplicated(logs),
        stale=_stale(logs),
        final_changed=_final_changed(logs),
        paid=_paid(logs),
        attempts=_attempts(logs),
        ladder=fell_too_far(logs),
        breaker=asked_while_open(logs),
        surprises=list(logs.surprises),
        recoveries=_recoveries(logs),
        restarts=_restarts(logs),
    )


def _lost(logs: Logs) -> list[str]:
    found = [
        f"{request.job_id} was acknowledged and is not in the table"
        for request in logs.requests
        if request.outcome == "ok" and request.job_id and request.job_id not in logs.jobs
    ]
    return found + [
        f"{job.job_id} is still {job.status}"
        for job in logs.jobs.values()
        if job.status not in FINAL
    ]


def _duplicated(logs: Logs) -> list[str]:
    completions = Counter(
        row.job_id
        for row in logs.rows
        if row.new_status == "completed" and row.old_status != "completed"
    )
    answers: dict[str, set[str]] = defaultdict(set)
    for request in logs.requests:
        if request.outcome == "ok" and request.job_id:
            answers[request.key].add(request.job_id)
    owners = Counter(job.owner for job in logs.jobs.values())
    keys = {request.owner: request.key for request in logs.requests if request.owner}
    return [
        *(f"{job} completed {times} times" for job, times in completions.items() if times > 1),
        *(f"the key {key} got {len(ids)} jobs" for key, ids in answers.items() if len(ids) > 1),
        *(f"the key {keys[o]} made {n} jobs" for o, n in owners.items() if o in keys and n > 1),
        *(f"{e.name} was won by {len(e.winners)}" for e in logs.elections if len(e.winners) != 1),
    ]


def _stale(logs: Logs) -> list[str]:
    held = {(lease.xid, lease.job_id): lease.old_token for lease in logs.leases}
    changed = {(row.xid, row.job_id): row for row in logs.rows}
    found = []
    for settle in logs.settles:
        place = (settle.xid, settle.job_id)
        row = changed.get(place)
        if row is None:
            continue
        if place not in held or row.old_status in FINAL:
            found.append(f"{settle.job_id} was {row.old_status} when {settle.outcome} was written")
        elif held[place] != settle.token and settle.outcome != "completed":
            found.append(f"{settle.job_id} took {settle.outcome} from a worker without its lease")
    return found


def _final_changed(logs: Logs) -> list[str]:
    return [
        f"{row.job_id} was {row.old_status} and became {row.new_status}"
        for row in logs.rows
        if row.old_status in FINAL
        and (row.new_status, row.new_prompt) != (row.old_status, row.old_prompt)
    ]


def _paid(logs: Logs) -> list[str]:
    """By conversation, which is all that the provider knows of a job whose pictures it never saw.

    A send without an answer may have been paid: max_retries + 1 of them. What was answered is
    bought again only by a claim of its own.
    """
    reached = Counter(call.conversation for call in logs.calls)
    prompts = Counter(call.conversation for call in logs.calls if call.prompt_sent)
    claims = Counter(lease.job_id for lease in logs.leases if lease.new_token is not None)
    jobs: dict[str | None, list[Job]] = defaultdict(list)
    for job in logs.jobs.values():
        jobs[job.conversation].append(job)
    found = [f"{n} requests came from no job" for c, n in reached.items() if c not in jobs]
    for conversation, own in jobs.items():
        books = [logs.book.get(job.job_id, Book(0, 0, 0)) for job in own]
        bound = sum(job.max_retries + 1 for job in own)
        begun = sum(book.begun for book in books)
        lost = reached[conversation] - sum(book.replied for book in books)
        for what, count, most in (
            ("calls are unanswered in the cost book", sum(b.unanswered for b in books), bound),
            ("requests reached the provider and got no answer", lost, bound),
            ("requests reached the provider", reached[conversation], begun),
            ("prompts were sold", prompts[conversation], sum(claims[job.job_id] for job in own)),
        ):
            if count > most:
                found.append(f"{own[0].job_id}: {count} {what}, {most} are allowed")
    return found


def _attempts(logs: Logs) -> list[str]:
    return [
        f"{job.job_id} was retried {job.retry_count} times, {job.max_retries} are allowed"
        for job in logs.jobs.values()
        if job.retry_count > job.max_retries
    ]


def _recoveries(logs: Logs) -> list[float]:
    """From each harm to the next claim of every job that the worker then held."""
    by_job = defaultdict(list)
    for lease in logs.leases:
        by_job[lease.job_id].append(lease)
    found = []
    for harm in logs.harms:
        if harm.pid is None:
            continue
        for changes in by_job.values():
            before = [change for change in changes if change.at <= harm.at]
            if not before or before[-1].new_token is None or before[-1].pid != harm.pid:
                continue
            claims = [c.at for c in changes if c.at > harm.at and c.new_token is not None]
            found += [at - harm.at for at in claims[:1]]
    return found


def _restarts(logs: Logs) -> list[float]:
    """From each return of the database to the next job that becomes final.

    One that was away again before that has no time of its own.
    """
    settled = sorted(row.at for row in logs.rows if row.new_status in FINAL)
    returns = sorted(harm.at for harm in logs.harms if harm.pid is None)
    found = []
    for back, until in pairwise([*returns, math.inf]):
        found += [at - back for at in settled if back < at <= until][:1]
    return found
