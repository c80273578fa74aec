"""What each model takes, as WaveSpeed's pages say: fields outside are refused with a 400. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_FLAGS = frozenset({"enable_sync_mode", "enable_base64_output"})
_SIZE = re.compile(r"(\d{2,5})\*(\d{2,5})")
_FORMATS = ("png", "jpeg")
_RESOLUTIONS = ("1k", "2k", "4k")


@dataclass(frozen=True)
class Model:
    """One model: its fields beside the flags, how many images, and the price of a picture."""

    name: str
    fields: frozenset[str]
    most_images: int
    price: Decimal
    sides: tuple[int, int] = (64, 16384)
    target_first: bool = False

    @property
    def takes_one(self) -> bool:
        """A single `image` instead of a list."""
        return "image" in self.fields


def _model(name: str, fields: str, images: int, price: str, **more: Any) -> Model:
    return Model(name, frozenset(fields.split()) | _FLAGS, images, Decimal(price), **more)


MODELS = {
    model.name: model
    for model in (
        _model("bytedance/seedream-v4/edit", "prompt images size", 10, "0.027"),
        _model("bytedance/seedream-v4.5/edit", "prompt images size", 10, "0.04"),
        _model("google/nano-banana/edit", "prompt images output_format aspect_ratio", 10, "0.038",
               target_first=True),
        _model("google/nano-banana-pro/edit",
               "prompt images output_format aspect_ratio resolution", 10, "0.14",
               target_first=True),
        _model("google/nano-banana-2.1/edit",
               "prompt images output_format aspect_ratio resolution enable_web_search"
               " enable_image_search", 14, "0.07", target_first=True),
        _model("wavespeed-ai/flux-kontext-pro", "prompt image guidance_scale aspect_ratio", 1,
               "0.04"),
        _model("wavespeed-ai/qwen-image/edit", "prompt image size seed output_format", 1, "0.02",
               sides=(256, 1536)),
    )
}  # fmt: skip


class Unfit(Exception):
    """A request that the model does not take; the text is what the provider would say."""


def check_inputs(model: Model, inputs: object) -> list[str]:
    """The images of a request, in order. Raises Unfit."""
    if not isinstance(inputs, Mapping):
        raise Unfit("Invalid request body.")
    unknown = sorted(set(inputs) - model.fields)
    if unknown:
        raise Unfit(f"additional properties are not allowed: {unknown[0]}")
    if not isinstance(inputs.get("prompt"), str) or not inputs["prompt"].strip():
        raise Unfit("prompt is required")
    images = [inputs.get("image")] if model.takes_one else inputs.get("images")
    if not isinstance(images, list) or not images:
        raise Unfit("images is required")
    if len(images) > model.most_images:
        raise Unfit(f"images: at most {model.most_images} items")
    if not all(isinstance(image, str) and image for image in images):
        raise Unfit("images: must be strings")
    _check_shape(model, inputs)
    return [str(image) for image in images]


def _check_shape(model: Model, inputs: Mapping[str, Any]) -> None:
    size = inputs.get("size")
    if size is not None:
        found = _SIZE.fullmatch(size) if isinstance(size, str) else None
        least, most = model.sides
        if found is None or not all(least <= int(side) <= most for side in found.groups()):
            raise Unfit(f"size: must be W*H with sides from {least} to {most}")
    if inputs.get("output_format") not in (None, *_FORMATS):
        raise Unfit("output_format: must be png or jpeg")
    if inputs.get("resolution") not in (None, *_RESOLUTIONS):
        raise Unfit("resolution: must be 1k, 2k or 4k")
    ratio = inputs.get("aspect_ratio")
    if ratio is not None and not re.fullmatch(r"\d{1,2}:\d{1,2}", str(ratio)):
        raise Unfit("aspect_ratio: is not known")
