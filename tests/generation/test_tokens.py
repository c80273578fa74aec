"""How many tokens a call will use, before it is made."""

import pytest

from prompt_queue.generation.tokens import FIRST_COMPLETION, TokenEstimates, picture_tokens
from prompt_queue.guards.images import PictureFacts
from prompt_queue.jobs.outcome import Usage


def facts(width: int, height: int) -> PictureFacts:
    return PictureFacts("image/png", width, height)


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [(64, 48, 512), (448, 448, 512), (449, 448, 768), (4000, 3000, 1792)],
)
def test_a_picture_counts_by_its_tiles(width: int, height: int, tokens: int) -> None:
    """256 for the whole, and as many for each of up to six tiles."""
    assert picture_tokens(facts(width, height)) == tokens


def test_it_learns_from_what_calls_used() -> None:
    """Each model by itself; a provider that says nothing teaches nothing."""
    estimates = TokenEstimates()
    prompt = estimates.prompt(350, [facts(64, 48)])
    assert prompt == 612
    assert estimates.total("a", prompt) == 612 + FIRST_COMPLETION
    for _ in range(60):
        estimates.learn("a", prompt, Usage(prompt_tokens=1224, completion_tokens=50))
        estimates.learn("b", prompt, Usage())
    assert estimates.total("a", prompt) == pytest.approx(1274, abs=10)
    assert estimates.total("b", prompt) == 612 + FIRST_COMPLETION
