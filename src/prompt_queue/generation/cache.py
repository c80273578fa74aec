"""Requests that are the same: found by a key, asked once, answered from what was paid for."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from prompt_queue.generation.messages import strategy_of
from prompt_queue.generation.pictures import Picture
from prompt_queue.jobs.job import Claim

_VERSION = 1


@dataclass(frozen=True, slots=True)
class KnownPrompt:
    """A prompt that was paid for before, by the model that wrote it."""

    text: str
    model: str | None
    strategy: str | None


class Cache(Protocol):
    """Shared by all workers."""

    async def join(self, claim: Claim, key: str) -> KnownPrompt | None:
        """The prompt for an identical request; None: this job asks, and others wait for it.

        Raises Following where this job waits for another one, LeaseLost.
        """
        ...


def request_key(claim: Claim, pictures: Sequence[Picture], models: Sequence[str]) -> str:
    """SHA-256 of all that decides what is asked: the same key, the same question.

    Pictures count by their content and their order, not by their addresses; `pictures` has the
    target last. Whose request it is does not count: that is the cache's scope.
    """
    said = [
        _VERSION,
        strategy_of(claim.operation),
        list(models),
        [picture.sha256 for picture in pictures],
        claim.existing_prompt,
        claim.user_instructions,
    ]
    text = json.dumps(said, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
