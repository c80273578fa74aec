"""The alert rules: what was measured beside its threshold, and a sentence that says what to do."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prompt_queue.jobs.measures import Measures

LEAST_JOBS = 10
"""Of fewer jobs, calls or promises a share says nothing."""

LEAST_DEAD_ROWS = 50_000
"""Fewer dead rows slow nothing down, whatever their share."""

Finding = tuple[float, str, str]
"""Value, sentence, and which model, table or kind it is about; empty where there is one only."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule whose threshold was passed; `sentence` says what to press.

    `about` is the model, table or kind of promise of a rule that looks at several.
    """

    name: str
    about: str
    value: float
    threshold: float
    sentence: str


def _depth(measures: Measures, most: float) -> Iterator[Finding]:
    if measures.waiting > most:
        yield (
            measures.waiting,
            f"{measures.waiting} prompts wait; start more `prompt-queue work`, or raise the limits "
            "of the account.",
            "",
        )


def _oldest(measures: Measures, most: float) -> Iterator[Finding]:
    if measures.oldest_seconds > most:
        yield (
            measures.oldest_seconds,
            f"The oldest prompt has waited for {measures.oldest_seconds:.0f} seconds; "
            "`prompt-queue doctor` says what holds it up.",
            "",
        )


def _error_rate(measures: Measures, most: float) -> Iterator[Finding]:
    ended = measures.completed_last_hour + measures.failed_last_hour
    share = measures.failed_last_hour / ended if ended else 0.0
    if ended >= LEAST_JOBS and share > most:
        yield (
            share,
            f"{share:.0%} of the prompts that ended within the last hour failed; "
            "`prompt-queue jobs --status failed` lists them.",
            "",
        )


def _processing(measures: Measures, most: float) -> Iterator[Finding]:
    taken = measures.processing_seconds or 0.0
    if measures.completed_last_hour and taken > most:
        yield (
            taken,
            f"A prompt takes {taken:.0f} seconds on average; `prompt-queue models` shows which "
            "model is slow or limited.",
            "",
        )


def _templates(measures: Measures, most: float) -> Iterator[Finding]:
    done = [jobs for jobs in measures.recent_jobs if jobs.status == "completed"]
    total = sum(jobs.jobs for jobs in done)
    share = sum(j.jobs for j in done if j.source == "template") / total if total else 0.0
    if total >= LEAST_JOBS and share > most:
        yield (
            share,
            f"{share:.0%} of the last hour's prompts come from templates; `prompt-queue models` "
            "shows why no model writes them.",
            "",
        )


def _no_worker(measures: Measures, least: float) -> Iterator[Finding]:
    if measures.workers < least and measures.waiting:
        yield (
            measures.workers,
            f"{measures.waiting} prompts wait and {measures.workers} workers run; start "
            "`prompt-queue work`.",
            "",
        )


def _out_of_credit(measures: Measures, _: float) -> Iterator[Finding]:
    for breaker in measures.breakers:
        if breaker.state != "closed" and breaker.cause == "out_of_credit":
            yield (
                breaker.open_seconds,
                f"The account for {breaker.model} has no credit; top it up, then "
                f"`prompt-queue breaker close {breaker.model}`.",
                breaker.model,
            )


def _breaker_open(measures: Measures, most: float) -> Iterator[Finding]:
    for breaker in measures.breakers:
        if breaker.state != "closed" and breaker.open_seconds > most:
            yield (
                breaker.open_seconds,
                f"Nobody has asked {breaker.model} for {breaker.open_seconds:.0f} seconds "
                f"({breaker.cause}); `prompt-queue breaker close {breaker.model}` when it is well.",
                breaker.model,
            )


def _webhooks(measures: Measures, most: float) -> Iterator[Finding]:
    tries = measures.webhook_tries
    total = tries.taken + tries.failed
    share = tries.failed / total if total else 0.0
    if total >= LEAST_JOBS and share > most:
        yield (
            share,
            f"{share:.0%} of the webhooks sent within the last quarter of an hour were not taken; "
            "look at their receivers, and at this network.",
            "",
        )


def _promises(measures: Measures, least: float) -> Iterator[Finding]:
    for kind, scored, share in measures.promises:
        if scored >= LEAST_JOBS and share < least:
            yield (
                share,
                f"{share:.0%} of the promised times ({kind}) were kept within the last day; "
                "`prompt-queue doctor` says what slows the queue down.",
                kind,
            )


def _dead_rows(measures: Measures, most: float) -> Iterator[Finding]:
    for table in measures.tables:
        share = table.dead / (table.live + table.dead) if table.dead else 0.0
        if table.dead >= LEAST_DEAD_ROWS and share > most:
            yield (
                share,
                f"{share:.0%} of the rows of {table.table_name} are dead; look for an old "
                f"transaction, then run `VACUUM {table.table_name}`.",
                table.table_name,
            )


def _horizon(measures: Measures, most: float) -> Iterator[Finding]:
    session = measures.horizon
    if session and session.seconds > most:
        yield (
            session.seconds,
            f"Session {session.pid} ({session.application_name or 'without a name'}, "
            f"{session.state}) has kept a transaction open for {session.seconds:.0f} seconds, so "
            f"that dead rows pile up; end it with `select pg_terminate_backend({session.pid})`.",
            "",
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its usual threshold, what that means, and what it finds."""

    threshold: float
    meaning: str
    find: Callable[[Measures, float], Iterator[Finding]]


RULES: Mapping[str, Rule] = {
    "depth": Rule(10_000, "most prompts that wait", _depth),
    "oldest": Rule(300, "most seconds that a prompt waits", _oldest),
    "error_rate": Rule(0.1, "largest share of failed prompts, last hour", _error_rate),
    "processing": Rule(60, "most seconds that a prompt takes on average", _processing),
    "templates": Rule(0.2, "largest share of templates, last hour", _templates),
    "no_worker": Rule(1, "fewest workers while prompts wait", _no_worker),
    "out_of_credit": Rule(0, "no threshold: any account without credit", _out_of_credit),
    "breaker_open": Rule(300, "most seconds that a breaker is open", _breaker_open),
    "webhooks": Rule(0.2, "largest share of webhooks not taken, last 15 minutes", _webhooks),
    "promises": Rule(0.8, "smallest share of promised times that are kept, a day", _promises),
    "dead_rows": Rule(0.5, "largest share of dead rows in a table of the queue", _dead_rows),
    "horizon": Rule(600, "most seconds that a transaction holds back vacuum", _horizon),
}


def firing(measures: Measures, thresholds: Mapping[str, float]) -> list[Alert]:
    """The alerts now; `thresholds` replaces those of the rules that it names."""
    alerts = []
    for name, rule in RULES.items():
        threshold = thresholds.get(name, rule.threshold)
        for value, sentence, about in rule.find(measures, threshold):
            alerts.append(Alert(name, about, round(value, 4), threshold, sentence))
    return alerts


def read_thresholds(entries: Sequence[str]) -> dict[str, float]:
    """`depth=500` as a mapping. Raises ValueError with a sentence."""
    thresholds = {}
    for entry in entries:
        name, _, number = (part.strip() for part in entry.partition("="))
        try:
            if name not in RULES or not 0 <= float(number) < float("inf"):
                raise ValueError
            thresholds[name] = float(number)
        except ValueError:
            raise ValueError(
                f"{entry!r} must be an alert and its threshold, for example depth=500; "
                f"the alerts are {', '.join(RULES)}"
            ) from None
    return thresholds
