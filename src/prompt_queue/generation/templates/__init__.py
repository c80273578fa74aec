"""Prompts without a model: the last rungs of the ladder. Pure, but for reading its own files."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from prompt_queue.jobs.job import Claim, MinQuality, Operation, Source
from prompt_queue.jobs.outcome import GeneratedPrompt

VERSION = "v2"
_MOST_DESCRIBED = 4


@cache
def _sentences(version: str) -> dict[str, str]:
    text = files(__name__).joinpath(f"{version}.toml").read_text("utf-8")
    return {name: " ".join(words.split()) for name, words in tomllib.loads(text).items()}


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a picture told without a model: its size in pixels, its main colours."""

    width: int
    height: int
    colours: tuple[str, ...]


def template_prompt(
    references: int, target: Look | None = None, seen: Sequence[Look | None] = ()
) -> str:
    """An edit instruction that holds for any pictures; `references` is their number.

    What is known of the target and of the references (in their order) is woven in.
    """
    sentences = _sentences(VERSION)
    if references == 0:
        parts = [sentences["without_references"]]
    elif references == 1:
        parts = [sentences["with_one_reference"]]
    else:
        parts = [sentences["with_references"].format(count=references)]
    for number, look in enumerate(seen[:_MOST_DESCRIBED], start=1):
        if look and look.colours:
            colours = _listed(look.colours)
            parts.append(sentences["reference_colours"].format(number=number, colours=colours))
    if target:
        if target.colours and not references:
            parts.append(sentences["target_colours"].format(colours=_listed(target.colours)))
        parts.append(
            sentences["target_shape"].format(
                shape=_shape(target), width=target.width, height=target.height
            )
        )
    return " ".join(parts)


def last_resort(
    claim: Claim, target: Look | None = None, seen: Sequence[Look | None] = ()
) -> GeneratedPrompt | None:
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
        text=template_prompt(len(claim.ref_urls), target, seen),
        model=None,
        source=Source.TEMPLATE,
        strategy=f"template-{VERSION}",
        degraded=True,
    )


def _listed(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _shape(look: Look) -> str:
    if abs(look.width - look.height) <= 0.05 * max(look.width, look.height):
        return "square"
    return "landscape" if look.width > look.height else "portrait"
