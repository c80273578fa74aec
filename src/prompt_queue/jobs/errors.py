"""Every way in which a prompt can fail to come, as one tree.

    PromptFailure
    |-- RateLimited        the provider asks us to slow down; never burns an attempt
    |   |-- ModelPaused    an operator has stopped the calls to this model
    |   |-- BreakerOpen    the model fails too often: nobody asks it for a while
    |   |-- RetryBudget    too many retries already, compared with what succeeds
    |   `-- UserBudget     the user has spent what they may in a day; nothing was sent
    |-- OutOfCredit        the account has no money left; parks, no blind retries
    |-- Transient          will probably work later
    |   `-- Unanswered     the request left, no answer was seen: it may have been charged
    |-- Misconfigured      the key or the address is wrong; not the job's fault
    |   `-- ModelUnusable  this model or a parameter of it is wrong; another may do
    |-- BadInput           this request can never work; the sentence says what to change
    |   `-- PictureUnfetched  the provider could not fetch a picture that we could
    |-- Refused            declined for safety; final, never worked around
    |-- OutcomeUnknown     too many sends without an answer
    |-- WorkerDied         three workers died while they held the job
    `-- OurBug             an exception that we did not foresee

What each leads to is in `jobs/policies.py`. `code` is the class in machine words, `str(failure)`
the sentence that the user reads. Neither may hold a secret: what a provider said goes in only after
`redact`.
"""


class PromptFailure(Exception):
    """One failed attempt. Catch a branch, or read `code`."""

    code = "failed"
    sentence = "The prompt could not be made."
    outage_seconds: float | None = None
    """How long the models have been out of order; None where that is not what is wrong."""

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)


class RateLimited(PromptFailure):
    """The provider asks us to slow down.

    `retry_after` is in seconds, None where the provider named none.
    """

    code = "rate_limited"
    sentence = "Grok is busy; your request keeps its place and goes on by itself."

    def __init__(self, sentence: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class ModelPaused(RateLimited):
    """An operator has paused the model; nothing was sent."""

    code = "model_paused"
    sentence = "The operator has paused the model; your request keeps its place."


class BreakerOpen(RateLimited):
    """The circuit breaker of the model is open; nothing was sent."""

    code = "breaker_open"
    sentence = (
        "Grok is out of order at present; your request keeps its place and goes on by itself."
    )

    def __init__(
        self,
        sentence: str | None = None,
        retry_after: float | None = None,
        outage_seconds: float | None = None,
    ) -> None:
        super().__init__(sentence, retry_after)
        self.outage_seconds = outage_seconds


class RetryBudget(RateLimited):
    """The retries of the model are used up for now, so that they do not make an outage worse."""

    code = "retry_budget"
    sentence = "Grok fails often at present; your request keeps its place and is tried again soon."


class UserBudget(RateLimited):
    """What the user may spend in a day does not cover the call; nothing was sent."""

    code = "user_budget"
    sentence = (
        "Your budget for today is used up; your request keeps its place and goes on tomorrow (UTC)."
    )


class OutOfCredit(PromptFailure):
    """The provider account is out of credit or over its spending limit."""

    code = "out_of_credit"
    sentence = "The Grok account has no credit left; the operator has to top it up."


class Transient(PromptFailure):
    """A fault that usually passes."""

    code = "provider_unavailable"
    sentence = "Grok could not be reached; please try again later."


class Unanswered(Transient):
    """The request was sent and no answer came back, so it may have been charged."""

    code = "provider_timeout"
    sentence = "Grok did not answer in time; please try again later."


class Misconfigured(PromptFailure):
    """The key or the address of the provider is wrong."""

    code = "misconfigured"
    sentence = "The service is not set up correctly for Grok; the operator has to look at it."


class ModelUnusable(Misconfigured):
    """The provider does not know the model, or the model does not take the request."""

    code = "model_unusable"
    sentence = "This Grok model cannot be used; the operator has to look at it."


class BadInput(PromptFailure):
    """The pictures or the request can never work as they are."""

    code = "invalid_input"
    sentence = "Grok could not use these pictures; please check them."


class PictureUnfetched(BadInput):
    """The provider could not fetch a picture by the address that it was given."""

    code = "picture_unfetched"
    sentence = (
        "Grok could not fetch one of the pictures; check that every address opens without a login "
        "and answers within 5 seconds."
    )


class Refused(PromptFailure):
    """Declined for safety: never worked around, not by another model and not by a template."""

    code = "refused"
    sentence = "Grok declined this request because of its usage guidelines."


class OutcomeUnknown(PromptFailure):
    """The bound on paid sends without an answer is reached."""

    code = "outcome_unknown"
    sentence = "Grok was asked several times and never answered; nothing more was spent on it."


class WorkerDied(PromptFailure):
    """The job is in quarantine: its lease was lost three times."""

    code = "worker_died"
    sentence = (
        "The request stopped three workers and was set aside; the operator has to look at it."
    )


class OurBug(PromptFailure):
    """Something that we did not foresee; the log has the traceback."""

    code = "internal_error"
    sentence = "Something went wrong on our side; the operator can find it in the log."


class LeaseLost(Exception):
    """Another worker, a cancel or the reaper has taken the job: stop, and write nothing."""


class Following(Exception):
    """An identical request is under way: the job waits for its end, and is no longer held."""
