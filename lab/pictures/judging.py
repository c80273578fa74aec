"""What the logs say: each picture once, each paid for once, the book equal to the provider's."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.pictures.run import Played

_HONEST = {"outcome_unknown", "worker_died"}
"""Ends that say what is not known, or that nothing was sent."""


@dataclass
class Judgement:
    """Violations in words; counts of what was bought."""

    violations: list[str] = field(default_factory=list)
    bought: int = 0
    refunded: int = 0
    resubmitted: int = 0


def judge(
    played: Sequence[Played],
    submits: Sequence[Mapping[str, Any]],
    booked_usd: float,
    answers: Mapping[tuple[str, int], int],
) -> Judgement:
    """`submits` is the provider's own log, `answers` are those to forged webhooks."""
    found = Judgement()
    kept: defaultdict[str, int] = defaultdict(int)
    for submit in submits:
        found.bought += submit["charged"]
        found.refunded += submit["refunded"]
        kept[submit["prompt"]] += submit["charged"] and not submit["refunded"]
    for one in played:
        trial = one.trial
        found.resubmitted += one.resubmitted
        bought = kept[trial.prompt]
        if one.status not in {"succeeded", "failed"}:
            found.violations.append(f"{trial.number} ({trial.kind}) is {one.status or 'open'}")
        if bought > 1:
            found.violations.append(f"{trial.number} ({trial.kind}) was bought {bought} times")
        if one.error_code == "worker_died" and bought:
            found.violations.append(f"{trial.number} ({trial.kind}) was given up, and bought")
        if one.status == "succeeded" and bought != 1:
            found.violations.append(f"{trial.number} ({trial.kind}) succeeded with {bought} bought")
        if one.status == "failed" and one.error_code not in _HONEST:
            found.violations.append(f"{trial.number} ({trial.kind}) failed: {one.error_code}")
    charged = sum(s["cost_usd"] for s in submits if s["charged"] and not s["refunded"])
    if abs(charged - booked_usd) > 1e-6:
        found.violations.append(
            f"the provider charged {charged:.3f} USD, the book {booked_usd:.3f}"
        )
    for (kind, status), times in answers.items():
        if status < 400:
            found.violations.append(f"{times} webhooks ({kind}) were answered {status}")
    return found


def report(
    played: Sequence[Played], found: Judgement, answers: Mapping[tuple[str, int], int], command: str
) -> str:
    """Markdown."""
    kinds = Counter(one.trial.kind for one in played)
    succeeded = Counter(one.trial.kind for one in played if one.status == "succeeded")
    again = Counter(one.trial.kind for one in played if one.resubmitted)
    lines = [
        "# Pictures are bought once", "",
        f"`{command}`:", "the whole product with a provider that fails, workers that die at each "
        "step, and webhooks of", "our own forging meanwhile. A picture is told by its prompt in "
        "the provider's log of charges.", "",
        f"{len(played)} pictures, {len(found.violations)} violations: {found.bought} bought, "
        f"{found.refunded} of them failed there and were given back;", f"{found.resubmitted} sent "
        "again after the window. A fault hits the next submit, which may be another picture's.", "",
        "| what went wrong | times | succeeded | sent again |", "| --- | ---: | ---: | ---: |",
        *(f"| {kind} | {times} | {succeeded[kind]} | {again[kind]} |"
          for kind, times in sorted(kinds.items())),
        "", "| forged webhook | answered | times |", "| --- | ---: | ---: |",
        *(f"| {kind} | {status} | {times} |" for (kind, status), times in sorted(answers.items())),
        "", *(f"- {violation}" for violation in found.violations),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"
