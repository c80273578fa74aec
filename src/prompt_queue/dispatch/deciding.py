"""What becomes of a picture after a step that failed: pure."""

from prompt_queue.jobs.errors import PromptFailure
from prompt_queue.jobs.outcome import PARK_SECONDS, spread
from prompt_queue.jobs.picture import PictureClaim, PictureOutcome, PictureStatus
from prompt_queue.jobs.policies import Act, policy_of

KEPT_SECONDS = 6 * 86400.0
"""The provider keeps outputs for seven days."""

SAVE_SECONDS = 3600.0
"""A picture that was made and cannot be fetched is given up after this, not at the first 404."""

FIRST_LOOK_SECONDS = 2.0
_LONGEST_LOOK_SECONDS = 15.0


class FailedThere(PromptFailure):
    """A task that was bought, and failed at the provider for this cause."""

    def __init__(self, cause: PromptFailure) -> None:
        super().__init__(str(cause))
        self.cause = cause


def look_again(seconds_there: float) -> float:
    """Seconds until the next look at a task: more the longer it takes."""
    return min(FIRST_LOOK_SECONDS + seconds_there / 10, _LONGEST_LOOK_SECONDS)


def decide(
    claim: PictureClaim, failure: PromptFailure, pause: float, draw: float
) -> PictureOutcome:
    """The outcome of a step; `pause` is the backoff in seconds, `draw` in [0, 1) feeds jitter."""
    if isinstance(failure, FailedThere):
        return _failed_there(failure.cause, pause)
    act = policy_of(failure).act
    bought = claim.status not in {PictureStatus.SUBMITTING, PictureStatus.QUEUED}
    patience = SAVE_SECONDS if act is Act.FAIL else KEPT_SECONDS
    saves = claim.status is PictureStatus.SAVING
    if (act is Act.FAIL and not saves) or (bought and claim.seconds_there > patience):
        return _said("failed", failure)
    if bought:
        # Nothing that is paid for is given up because somebody is away.
        return _said("postponed", failure, max(pause, look_again(claim.seconds_there)))
    if act is Act.RETRY:
        return _said("retry", failure, pause)
    asked: float | None = getattr(failure, "retry_after", None)
    wait = PARK_SECONDS if act is Act.PARK else pause if asked is None else asked
    return _said("postponed", failure, spread(wait, draw))


def _failed_there(cause: PromptFailure, pause: float) -> PictureOutcome:
    """What failed there is given back by the provider: what may pass is bought anew."""
    again = policy_of(cause).act is Act.RETRY
    return _said("again", cause, pause) if again else _said("failed", cause)


def _said(outcome: str, failure: PromptFailure, delay: float = 0.0) -> PictureOutcome:
    return PictureOutcome(outcome=outcome, delay=delay, error=str(failure), code=failure.code)
