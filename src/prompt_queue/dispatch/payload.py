"""The bodies of requests to picture models: pure.

Shapes from the model pages of https://wavespeed.ai/docs; a body has only fields that its model
knows, because others are refused.
"""

import re
from collections.abc import Sequence
from typing import Any

from prompt_queue.jobs.generation_models import PictureModel, check_picture_count

_STEP = 8
_USUAL_SIDE = 2048
_NAMED = re.compile(r"\b(reference|ref\.?)\s+(image|picture|photo)\s+#?(\d{1,2})\b", re.IGNORECASE)
_TARGET = re.compile(r"\b(?:the )?target (?:image|picture|photo)\b", re.IGNORECASE)


def build_body(
    model: PictureModel,
    prompt: str,
    references: Sequence[str],
    target: str,
    size: tuple[int | None, int | None] = (None, None),
) -> dict[str, Any]:
    """What is posted to the model; pictures are URLs, `size` is width and height in pixels.

    Raises BadInput where the model does not take so many pictures.
    """
    check_picture_count(model, len(references))
    pictures = [target, *references] if model.target_first else [*references, target]
    body: dict[str, Any] = {"prompt": numbered(prompt, len(references), model.target_first)}
    if model.most_pictures == 1:
        body["image"] = target
    else:
        body["images"] = pictures
    width, height = size
    if model.sizing == "size":
        body["size"] = size_of(model, width or _USUAL_SIDE, height or _USUAL_SIDE)
    elif width and height:
        body["aspect_ratio"] = nearest_ratio(model.ratios, width, height)
    if model.sizing == "resolution":
        body["resolution"] = _resolution(max(width or 0, height or 0))
    if model.output_format:
        body["output_format"] = model.output_format
    return body


def size_of(model: PictureModel, width: int, height: int) -> str:
    """ "W*H" of this shape within the model's bounds, in steps of 8 pixels."""
    least, most = model.sides
    scale = min(1.0, most / max(width, height))
    scale = max(scale, least / min(width, height))
    sides = (min(max(round(side * scale / _STEP) * _STEP, least), most) for side in (width, height))
    return "*".join(map(str, sides))


def nearest_ratio(ratios: Sequence[str], width: int, height: int) -> str:
    """The ratio whose shape is closest, by proportion."""

    def distance(ratio: str) -> float:
        across, _, down = ratio.partition(":")
        wanted, offered = width / height, int(across) / int(down)
        return max(wanted, offered) / min(wanted, offered)

    return min(ratios, key=distance)


def numbered(prompt: str, references: int, target_first: bool) -> str:
    """The prompt with its pictures called by their place in the request.

    Prompts speak of "reference image 2" and "the target image"; a model knows the order alone.
    """
    if not references:
        return prompt
    first = 2 if target_first else 1
    target = 1 if target_first else references + 1

    def place(match: re.Match[str]) -> str:
        number = int(match[3])
        return f"image {number + first - 1}" if 1 <= number <= references else match[0]

    return _TARGET.sub(f"image {target}", _NAMED.sub(place, prompt))


def _resolution(longest: int) -> str:
    return "4k" if longest > _USUAL_SIDE else "2k" if longest > _USUAL_SIDE // 2 else "1k"
