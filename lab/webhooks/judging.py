"""What the receiver saw: every message taken, in order within its subject, one id a message."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.webhooks.receiver import FAILURES, Call
from lab.webhooks.run import EACH, Played


@dataclass
class Judgement:
    """Violations in words, and how many calls came twice."""

    violations: list[str] = field(default_factory=list)
    repeats_after_good: int = 0


def judge(subjects: Sequence[str], each: int, calls: Sequence[Call]) -> Judgement:
    """`each` subject has that many messages; `calls` are in the order of arrival."""
    found = Judgement()
    by_subject: defaultdict[str, list[Call]] = defaultdict(list)
    ids: defaultdict[str, set[tuple[str, int, bytes]]] = defaultdict(set)
    for call in calls:
        by_subject[call.subject].append(call)
        ids[call.id].add((call.subject, call.number, call.body))
        if not call.signed:
            found.violations.append(f"{call.id} has no good signature")
    found.violations += [f"{name} stands for two messages" for name, all_of in ids.items()
                         if len(all_of) > 1]  # fmt: skip
    if len(ids) > len(subjects) * each:
        found.violations.append(f"{len(ids)} ids for {len(subjects) * each} messages")
    for subject in subjects:
        _judge_one(subject, each, by_subject[subject], found)
    return found


def _judge_one(subject: str, each: int, calls: Sequence[Call], found: Judgement) -> None:
    taken: set[int] = set()
    latest = 0
    for call in calls:
        if call.number < latest:
            found.violations.append(f"{subject}: {call.number} came after {latest}")
        if call.number > latest and call.number - 1 not in taken | {-1}:
            found.violations.append(f"{subject}: {call.number} came before its turn")
        latest = max(latest, call.number)
        if call.answer == "good":
            found.repeats_after_good += call.number in taken
            taken.add(call.number)
    missing = set(range(each)) - taken
    if missing:
        found.violations.append(
            f"{subject}: {sorted(missing)} were never taken, in {len(calls)} calls"
        )


def report(found: Judgement, played: Played, command: str) -> str:
    """Markdown."""
    calls, kills, seconds = played.receiver.calls, played.kills, played.seconds
    messages = len(played.subjects) * EACH
    answers = Counter(call.answer for call in calls)
    failed = sum(answers[name] for name in FAILURES)
    lines = [
        "# Webhooks arrive, in order", "",
        f"`{command}`:", "two workers send to a receiver that fails at random, and are killed "
        "with SIGKILL, by the", "clock and at the worst places: while a call is out, after its "
        "answer was read, while it is written", "down. Each subject has five messages, which are "
        "put into the outbox while the workers send.", "",
        f"{messages:,} messages, {len(found.violations)} violations, {len(calls):,} calls "
        f"({failed / max(len(calls), 1):.1%} failed), {sum(kills.values())} deaths, "
        f"{seconds:.0f} s.",
        f"{found.repeats_after_good} calls repeated a message that was taken already, each under "
        "the id of the first.", "",
        "| the receiver's answer | calls |", "| --- | ---: |",
        *(f"| {name} | {answers[name]:,} |" for name in ("good", *FAILURES)), "",
        "| a worker died | times |", "| --- | ---: |",
        *(f"| {name} | {times} |" for name, times in sorted(kills.items())), "",
        "Violations that are looked for: a message that was never answered well; one that came "
        "before the", "message ahead of it was answered well, or after a later one; an id that "
        "stands for two messages or a", "message with two ids; a repeat whose body differs; a "
        "signature that the reference library refuses.", "",
        *(f"- {one}" for one in found.violations[:50]),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"
