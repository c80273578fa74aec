"""Prompts without a model: the last rungs of the ladder. Pure, but for reading its own files."""

import tomllib
from functools import cache
from importlib.resources import files

from prompt_queue.jobs.job import Claim, MinQuality, Operation, Source
from prompt_queue.jobs.outcome import GeneratedPrompt

VERSION = "v1"


@cache
def _sentences(version: str) -> dict[str, str]:
    text = files(__name__).joinpath(f"{version}.toml").read_text("utf-8")
    return {name: " ".join(words.split()) for name, words in tomllib.loads(text).items()}


def template_prompt(references: int) -> str:
    """An edit instruction that holds for any pictures; `references` is their number."""
    sentences = _sentences(VERSION)
    if references == 0:
        return sentences["without_references"]
    if references == 1:
        return sentences["with_one_reference"]
    return sentences["with_references"].format(count=references)


def last_resort(claim: Claim) -> GeneratedPrompt | None:
    """What the job gets when no model brings a prompt; None where its request forbids that.

    A template, or, where an existing prompt was to be made better, that prompt as it is.
    """
    if claim.min_quality is not MinQuality.TEMPLATE_OK:
        return None
    if claim.operation is Operation.ENHANCE and claim.existing_prompt:
        return GeneratedPrompt(
            text=claim.existing_prompt, model=None, source=Source.EXISTING, degraded=True
        )
    return GeneratedPrompt(
        text=template_prompt(len(claim.ref_urls)),
        model=None,
        source=Source.TEMPLATE,
        strategy=f"template-{VERSION}",
        degraded=True,
    )
