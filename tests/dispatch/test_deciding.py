"""What becomes of a picture after a step that failed."""

from uuid import uuid4

import pytest

from prompt_queue.dispatch.deciding import (
    KEPT_SECONDS,
    SAVE_SECONDS,
    FailedThere,
    decide,
    look_again,
)
from prompt_queue.jobs.errors import (
    BadInput,
    BreakerOpen,
    Misconfigured,
    ModelUnusable,
    OutcomeUnknown,
    OutOfCredit,
    PromptFailure,
    RateLimited,
    Refused,
    Transient,
)
from prompt_queue.jobs.picture import PictureClaim, PictureStatus


def claim(status: str, seconds_there: float = 10.0) -> PictureClaim:
    return PictureClaim(
        job_id=uuid4(), order_id=uuid4(), number=1, user_id=uuid4(), status=PictureStatus(status),
        prompt="x", target_url="https://e.com/t", ref_urls=(), generation_model="m", width=None,
        height=None, priority=5, prediction_id=None, provider_outputs=(), retry_count=0,
        max_retries=3, resubmits=0, lease_token=uuid4(), seconds_there=seconds_there,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("failure", "outcome", "delay"),
    [
        (Transient(), "retry", 2.0), (RateLimited(), "postponed", 2.0),
        (RateLimited(retry_after=30), "postponed", 30.0),
        (BreakerOpen(retry_after=8), "postponed", 8.0), (OutOfCredit(), "postponed", 300.0),
        (Misconfigured(), "postponed", 300.0), (ModelUnusable(), "failed", 0.0),
        (BadInput(), "failed", 0.0), (Refused(), "failed", 0.0), (OutcomeUnknown(), "failed", 0.0),
    ],
)  # fmt: skip
def test_before_anything_is_bought(failure: PromptFailure, outcome: str, delay: float) -> None:
    """As for a prompt: it is tried again, waits, or fails with the failure's own sentence."""
    found = decide(claim("submitting"), failure, 2.0, 0.0)
    assert (found.outcome, found.delay) == (outcome, delay)
    assert (found.error, found.code) == (str(failure), failure.code)


@pytest.mark.parametrize("status", ["submission_unknown", "submitted", "running", "saving"])
@pytest.mark.parametrize("failure", [Transient(), RateLimited(), OutOfCredit(), Misconfigured()])
def test_what_is_bought_is_not_given_up(status: str, failure: PromptFailure) -> None:
    """Until the provider would have deleted it."""
    assert decide(claim(status), failure, 1.0, 0.5).outcome == "postponed"
    late = decide(claim(status, KEPT_SECONDS + 1), failure, 1.0, 0.5)
    assert late.outcome == "failed"


def test_a_picture_that_cannot_be_fetched_is_given_time() -> None:
    """A 404 may be a cache that is late."""
    assert decide(claim("saving"), BadInput(), 1.0, 0.0).outcome == "postponed"
    assert decide(claim("saving", SAVE_SECONDS + 1), BadInput(), 1.0, 0.0).outcome == "failed"
    assert decide(claim("running"), BadInput(), 1.0, 0.0).outcome == "failed"


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [(Transient(), "again"), (BadInput("Bad."), "failed"), (Refused(), "failed")],
)
def test_what_failed_there_is_bought_anew_only_if_it_may_pass(
    cause: PromptFailure, outcome: str
) -> None:
    """It is given back; with the cause's sentence."""
    found = decide(claim("running"), FailedThere(cause), 1.0, 0.0)
    assert (found.outcome, found.error, found.code) == (outcome, str(cause), cause.code)


def test_looks_become_rare() -> None:
    """From two seconds to fifteen."""
    assert [look_again(seconds) for seconds in (0, 50, 1000)] == [2.0, 7.0, 15.0]
