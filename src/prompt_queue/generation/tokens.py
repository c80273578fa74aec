"""How many tokens a call will use, before it is made; learned from what calls did use."""

from collections.abc import Sequence
from decimal import Decimal

from prompt_queue.generation.models import price_of
from prompt_queue.guards.images import PictureFacts
from prompt_queue.jobs.outcome import Usage

CHARACTERS_A_TOKEN = 3.5
FIRST_COMPLETION = 400
"""Tokens that an answer is taken to have, with its reasoning, before one was seen."""

_TILE_SIDE = 448
_TILE_TOKENS = 256
_MOST_TILES = 6
_WEIGHT = 0.1


def picture_tokens(facts: PictureFacts) -> int:
    """256 to 1,792 by tiles of 448 pixels, as xAI's page on image understanding had it."""
    tiles = -(-facts.width // _TILE_SIDE) * -(-facts.height // _TILE_SIDE)
    return _TILE_TOKENS * (1 + min(tiles, _MOST_TILES))


class TokenEstimates:
    """Remembers, for each model, how far off it was and how long answers are."""

    def __init__(self) -> None:
        self._bias: dict[str, float] = {}
        self._completion: dict[str, float] = {}

    def prompt(self, characters: int, pictures: Sequence[PictureFacts]) -> float:
        """Tokens that go in, before anything was learned."""
        return characters / CHARACTERS_A_TOKEN + sum(map(picture_tokens, pictures))

    def total(self, model: str, prompt: float) -> int:
        """Tokens that the call is going to use; all of them count towards the limit."""
        return round(sum(self._both(model, prompt)))

    def usd(self, model: str, prompt: float) -> Decimal | None:
        """What the call is going to cost with nothing of it cached; None: without a price."""
        read, written = self._both(model, prompt)
        return price_of(model, prompt=round(read), cached=0, output=round(written))

    def _both(self, model: str, prompt: float) -> tuple[float, float]:
        completion = self._completion.get(model, FIRST_COMPLETION)
        return prompt * self._bias.get(model, 1.0), completion

    def learn(self, model: str, prompt: float, usage: Usage) -> None:
        """Take in what a call with this estimate used; nothing where the provider did not say."""
        if usage.prompt_tokens:
            self._blend(self._bias, model, usage.prompt_tokens / max(prompt, 1.0), 1.0)
        if usage.completion_tokens is not None:
            written = usage.completion_tokens + (usage.reasoning_tokens or 0)
            self._blend(self._completion, model, float(written), FIRST_COMPLETION)

    @staticmethod
    def _blend(known: dict[str, float], model: str, seen: float, first: float) -> None:
        known[model] = known.get(model, first) * (1 - _WEIGHT) + seen * _WEIGHT
