"""Prompts that need no model."""

from uuid import uuid4

import pytest

from prompt_queue.generation.templates import Look, last_resort, template_prompt
from prompt_queue.generation.validation import validate_prompt
from prompt_queue.jobs.job import Claim, MinQuality, Operation


def claim(**values: object) -> Claim:
    known: dict[str, object] = {
        "job_id": uuid4(), "user_id": uuid4(), "ref_urls": (), "target_url": "https://e.com/t.jpg",
        "priority": 5, "retry_count": 0, "max_retries": 3, "lease_token": uuid4(),
    }  # fmt: skip
    return Claim(**(known | values))  # type: ignore[arg-type]


@pytest.mark.parametrize("references", [0, 1, 2, 16])
def test_a_template_is_a_prompt_like_any_other(references: int) -> None:
    """It passes what a model's answer has to pass, and names the pictures that there are."""
    text = template_prompt(references)
    assert validate_prompt(text) == text
    assert 25 <= len(text.split()) <= 90
    assert "{" not in text
    assert ("reference image" in text) is (references > 0)
    if references > 1:
        assert f"1 to {references}" in text


def test_only_a_request_that_allows_it_gets_a_template() -> None:
    """The default allows it."""
    prompt = last_resort(claim(ref_urls=("a", "b")))
    assert prompt is not None
    assert (prompt.text, prompt.source, prompt.model, prompt.degraded) == (
        template_prompt(2), "template", None, True,
    )  # fmt: skip
    for quality in (MinQuality.MODEL, MinQuality.ANY_MODEL):
        assert last_resort(claim(min_quality=quality)) is None


def test_a_prompt_that_was_to_be_made_better_is_its_own_last_resort() -> None:
    """A template would throw away what the user has."""
    prompt = last_resort(claim(operation=Operation.ENHANCE, existing_prompt="Make it red."))
    assert prompt is not None
    assert (prompt.text, prompt.source, prompt.degraded) == ("Make it red.", "existing", True)


def test_what_is_known_of_the_pictures_is_woven_in() -> None:
    """Sizes and colours in words, of the target and of the references that were seen."""
    target = Look(1920, 1080, ("blue", "white"))
    alone = template_prompt(0, target)
    assert alone.startswith(template_prompt(0))
    assert "Keep the balance of blue and white in the target image." in alone
    assert alone.endswith("Keep its landscape format of 1920 by 1080 pixels.")
    seen = (Look(10, 20, ("red", "green", "black")), None, Look(10, 20, ()))
    several = template_prompt(3, Look(500, 505, ()), seen)
    assert "Reference image 1 is mainly red, green and black." in several
    assert "image 2 is" not in several
    assert several.endswith("Keep its square format of 500 by 505 pixels.")
    assert "portrait" in template_prompt(0, Look(10, 20, ()))


def test_even_the_longest_template_is_a_prompt_that_passes() -> None:
    """With all the facts of sixteen references."""
    look = Look(10_000, 4_000, ("purple", "orange", "yellow"))
    text = template_prompt(16, look, (look,) * 16)
    assert validate_prompt(text) == text
