"""Token counts, cache hits and the cost of an answer, in xAI's shape."""

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prompt_queue.simulator.catalogue import LONG_CONTEXT_TOKENS, REASONING_TOKENS, Model

CACHE_STEP = 128
REMEMBERED_CONVERSATIONS = 1_000
TILE_SIDE = 448
TILE_TOKENS = 256
MAX_TILES = 6

_PIECE = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Tokens:
    """What one call used; reasoning is counted beside the completion, as xAI's chat does."""

    text: int
    image: int
    cached: int
    completion: int
    reasoning: int

    @property
    def prompt(self) -> int:
        """All tokens that went in."""
        return self.text + self.image


def count_tokens(texts: Iterable[str]) -> int:
    """Count words and signs, about what a tokenizer makes of English."""
    return sum(len(_PIECE.findall(text)) for text in texts)


def cut_to_tokens(text: str, limit: int | None) -> tuple[str, bool]:
    """Return the text within a number of tokens, and whether something was cut off."""
    if limit is None:
        return text, False
    for number, piece in enumerate(_PIECE.finditer(text), start=1):
        if number > limit:
            return text[: piece.start()].rstrip(), True
    return text, False


def image_tokens(width: int, height: int, detail: str) -> int:
    """Price a picture of this many pixels in tokens: 256 to 1792, by tiles."""
    if detail == "low":
        return TILE_TOKENS
    tiles = -(-width // TILE_SIDE) * -(-height // TILE_SIDE)
    return TILE_TOKENS * (1 + min(tiles, MAX_TILES))


def reasoning_tokens(effort: str) -> int:
    """Tokens spent on reasoning at this effort."""
    return REASONING_TOKENS[effort]


def cost_in_ticks(tokens: Tokens, model: Model, *, priority_tier: bool) -> int:
    """Price a call in ticks (1e10 are one US dollar); long prompts and priority cost double."""
    fresh = tokens.prompt - tokens.cached
    ticks = (
        fresh * model.input_ticks
        + tokens.cached * model.cached_ticks
        + (tokens.completion + tokens.reasoning) * model.output_ticks
    )
    if tokens.prompt >= LONG_CONTEXT_TOKENS:
        ticks *= 2
    return ticks * 2 if priority_tier else ticks


def usage_body(tokens: Tokens, ticks: int) -> dict[str, Any]:
    """The ``usage`` object of an answer."""
    return {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "total_tokens": tokens.prompt + tokens.completion + tokens.reasoning,
        "prompt_tokens_details": {
            "text_tokens": tokens.text,
            "audio_tokens": 0,
            "image_tokens": tokens.image,
            "cached_tokens": tokens.cached,
        },
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "num_sources_used": 0,
        "cost_in_usd_ticks": ticks,
    }


class PrefixCache:
    """Remembers the text before the first picture of each conversation, to count cache hits."""

    def __init__(self) -> None:
        self._prefixes: OrderedDict[str, list[str]] = OrderedDict()

    def cached_tokens(self, conversation: str | None, prefix: str) -> int:
        """Tokens (in steps of 128) that this conversation's last call had at the start too."""
        if conversation is None:
            return 0
        pieces = _PIECE.findall(prefix)
        before = self._prefixes.pop(conversation, [])
        self._prefixes[conversation] = pieces
        if len(self._prefixes) > REMEMBERED_CONVERSATIONS:
            self._prefixes.popitem(last=False)
        shared = 0
        for one, two in zip(before, pieces, strict=False):
            if one != two:
                break
            shared += 1
        return shared - shared % CACHE_STEP
