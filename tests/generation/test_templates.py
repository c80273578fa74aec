"""Prompts that need no model."""

from uuid import uuid4

import pytest

from prompt_queue.generation.templates import last_resort, template_prompt
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
