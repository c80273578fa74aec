"""What each class of failure leads to: one table, from which docs/failures.md is made too."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prompt_queue.jobs.errors import (
    BadInput,
    BreakerOpen,
    Misconfigured,
    ModelPaused,
    ModelUnusable,
    OurBug,
    OutcomeUnknown,
    OutOfCredit,
    PictureUnfetched,
    PromptFailure,
    RateLimited,
    Refused,
    RetryBudget,
    Transient,
    Unanswered,
    UserBudget,
    WorkerDied,
)


class Act(StrEnum):
    """What becomes of the job."""

    WAIT = "waits and goes on by itself; no retry is used up"
    PARK = "waits for the operator, and looks again every five minutes; no retry is used up"
    RETRY = "is tried again after a growing pause, until its retries are used up"
    FAIL = "is not tried again"


class NextModel(StrEnum):
    """When the next model of the chain is asked within the same attempt."""

    NEVER = "never"
    AT_ONCE = "at once"
    AT_LAST = "when no retry is left"


class Sign(StrEnum):
    """What the end of a call says about the model, for its circuit breaker."""

    NONE = "nothing"
    GOOD = "it works"
    BAD = "a fault, counted"
    TRIP = "opens at once"


@dataclass(frozen=True, slots=True)
class Policy:
    """The reaction to a failure.

    `falls_back`: where nothing more is tried, the job may get a prompt that no model wrote.
    `sign`: what the breaker of the model makes of it.
    """

    act: Act
    next_model: NextModel = NextModel.NEVER
    falls_back: bool = True
    sign: Sign = Sign.NONE


POLICIES: Final[Mapping[type[PromptFailure], Policy]] = {
    RateLimited: Policy(Act.WAIT),
    ModelPaused: Policy(Act.WAIT, NextModel.AT_ONCE),
    BreakerOpen: Policy(Act.WAIT, NextModel.AT_ONCE),
    RetryBudget: Policy(Act.WAIT),
    UserBudget: Policy(Act.WAIT),
    OutOfCredit: Policy(Act.PARK, sign=Sign.TRIP),
    Transient: Policy(Act.RETRY, NextModel.AT_LAST, sign=Sign.BAD),
    # Another model would be a second charge for what may be paid for already.
    Unanswered: Policy(Act.RETRY, sign=Sign.BAD),
    Misconfigured: Policy(Act.PARK, sign=Sign.TRIP),
    # Counted, not decisive: an odd request must not close the model to everybody.
    ModelUnusable: Policy(Act.FAIL, NextModel.AT_ONCE, sign=Sign.BAD),
    BadInput: Policy(Act.FAIL, falls_back=False, sign=Sign.GOOD),
    PictureUnfetched: Policy(Act.FAIL, falls_back=False, sign=Sign.GOOD),
    Refused: Policy(Act.FAIL, falls_back=False, sign=Sign.GOOD),
    OutcomeUnknown: Policy(Act.FAIL),
    WorkerDied: Policy(Act.FAIL, falls_back=False),
    OurBug: Policy(Act.RETRY),
}


def policy_of(failure: PromptFailure) -> Policy:
    """The policy of the failure's class, or of the nearest class above it."""
    for kind in type(failure).__mro__:
        if kind in POLICIES:
            return POLICIES[kind]
    return Policy(Act.FAIL, falls_back=False)


def may_ask_next_model(failure: PromptFailure, *, retries_left: bool) -> bool:
    """Whether the next model may be asked in this attempt."""
    when = policy_of(failure).next_model
    return when is NextModel.AT_ONCE or (when is NextModel.AT_LAST and not retries_left)
