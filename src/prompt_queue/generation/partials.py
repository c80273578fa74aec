"""Where the text of a prompt is shown while a model writes it."""

from typing import Protocol

from prompt_queue.jobs.job import Claim


class Partials(Protocol):
    """Takes texts as often as they grow; how often somebody sees them is its own affair."""

    def show(self, claim: Claim, text: str) -> None:
        """The text as far as it has been written; an empty one begins anew."""
        ...

    def forget(self, claim: Claim) -> None:
        """The call is over: what was shown is not the prompt."""
        ...
